-- Who used which feature in which of the spans (day, from_time, to_time), which are longer than a day;
-- needs spans. Whole UTC days are bits of the roll-up; where a span begins or
-- ends within one, the events of that part tell. Where those aren't kept any more, the day counts for
-- the span that has the larger part of it; and where nothing is recorded after the end of the span,
-- all of it does.
-- with: chosen_segments
-- with: named_features
span_days AS MATERIALIZED (
    SELECT
        day, from_time, to_time,
        CASE WHEN from_time % 86400000000000 = 0 THEN from_time / 86400000000000
             WHEN (SELECT count(*) FROM events
                   WHERE time >= from_time / 86400000000000 * 86400000000000
                     AND time < (from_time / 86400000000000 + 1) * 86400000000000)
                  < (SELECT coalesce(sum(stored), 0) FROM rollup_day
                     WHERE day = from_time / 86400000000000)
             THEN (from_time + 43200000000000) / 86400000000000
             ELSE from_time / 86400000000000 + 1 END AS first_day,
        CASE WHEN to_time % 86400000000000 = 0 THEN to_time / 86400000000000 - 1
             WHEN to_time > (SELECT max(time) FROM events) THEN to_time / 86400000000000
             WHEN (SELECT count(*) FROM events
                   WHERE time >= to_time / 86400000000000 * 86400000000000
                     AND time < (to_time / 86400000000000 + 1) * 86400000000000)
                  < (SELECT coalesce(sum(stored), 0) FROM rollup_day
                     WHERE day = to_time / 86400000000000)
             THEN (to_time + 43200000000000) / 86400000000000 - 1
             ELSE to_time / 86400000000000 - 1 END AS last_day
    FROM (SELECT day, from_time, to_time FROM spans WHERE from_time < to_time) AS cut
),
-- Of each span the bits that it has of each block of 32 days.
block_numbers AS (
    SELECT min(first_day) / 32 AS block, max(last_day) / 32 AS last_block FROM span_days
    UNION ALL
    SELECT block + 1, last_block FROM block_numbers WHERE block < last_block
),
span_blocks AS MATERIALIZED (
    SELECT
        b.block, s.day,
        ((CAST(1 AS bigint) << (CASE WHEN s.last_day / 32 > b.block THEN 31
                                     ELSE s.last_day % 32 END + 1)) - 1)
        - ((CAST(1 AS bigint) << CASE WHEN s.first_day / 32 < b.block THEN 0
                                      ELSE s.first_day % 32 END) - 1) AS mask
    FROM block_numbers b CROSS JOIN span_days s
    WHERE s.first_day <= s.last_day AND s.first_day / 32 <= b.block AND s.last_day / 32 >= b.block
),
feature_edges AS MATERIALIZED (
    SELECT day, from_time, first_day * 86400000000000 AS to_time
    FROM span_days WHERE from_time < first_day * 86400000000000
    UNION ALL
    SELECT day, (last_day + 1) * 86400000000000, to_time
    FROM span_days WHERE (last_day + 1) * 86400000000000 < to_time
),
-- Day, name and user are one number, cell, which SQLite sorts in a third of the time: the day is
-- cell / 281474976710656, the name_key cell / 4294967296 % 65536 and the user_key cell % 4294967296.
feature_spans AS (
    SELECT DISTINCT (p.day * 65536 + n.name_key) * 4294967296 + p.user_key AS cell
    FROM (
        SELECT s.day, u.feature_key, u.user_key
        FROM rollup_user_feature_days u CROSS JOIN span_blocks s
        WHERE s.block = u.block AND (u.days & s.mask) <> 0
          AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
        UNION ALL
        SELECT g.day, s.feature_key, e.user_key
        FROM feature_edges g CROSS JOIN events e CROSS JOIN series s
        WHERE e.time >= g.from_time AND e.time < g.to_time AND e.user_key IS NOT NULL
          AND s.series_key = e.series_key
          AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    ) AS p
    CROSS JOIN named_features n
    WHERE n.feature_key = p.feature_key
)
