-- Who was active in which of the spans (day, from_time, to_time), by segment, perhaps several times;
-- needs spans. Whole half hours are bits of the roll-up; where a span begins or ends within one, the
-- events of that part tell. Where those aren't kept any more, all of the half hour counts; and where
-- nothing is recorded after the end of the span, that is the same.
-- with: chosen_segments
active_series AS MATERIALIZED (
    SELECT series_key, segment_key FROM series
    WHERE is_active = 1
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
),
span_halves AS MATERIALIZED (
    SELECT
        day, from_time, to_time, from_half,
        CASE WHEN to_half < from_half THEN from_half ELSE to_half END AS to_half
    FROM (
        SELECT
            day, from_time, to_time,
            CASE WHEN from_time % 1800000000000 = 0 THEN from_time / 1800000000000
                 WHEN (SELECT count(*) FROM events e
                       WHERE e.time >= from_time / 3600000000000 * 3600000000000
                         AND e.time < (from_time / 3600000000000 + 1) * 3600000000000)
                      < (SELECT coalesce(sum(h.stored), 0) FROM rollup_hour h
                         WHERE h.hour = from_time / 3600000000000)
                 THEN from_time / 1800000000000
                 ELSE from_time / 1800000000000 + 1 END AS from_half,
            CASE WHEN to_time % 1800000000000 = 0 THEN to_time / 1800000000000
                 WHEN to_time > (SELECT max(time) FROM events) THEN to_time / 1800000000000 + 1
                 WHEN (SELECT count(*) FROM events e
                       WHERE e.time >= to_time / 3600000000000 * 3600000000000
                         AND e.time < (to_time / 3600000000000 + 1) * 3600000000000)
                      < (SELECT coalesce(sum(h.stored), 0) FROM rollup_hour h
                         WHERE h.hour = to_time / 3600000000000)
                 THEN to_time / 1800000000000 + 1
                 ELSE to_time / 1800000000000 END AS to_half
        FROM spans
        WHERE from_time < to_time
    ) AS cut
),
cut_halves AS (
    SELECT
        h.day,
        CASE WHEN n.is_end = 0 THEN h.from_time ELSE h.to_half * 1800000000000 END AS from_time,
        CASE WHEN n.is_end = 0 AND h.from_half * 1800000000000 < h.to_time
             THEN h.from_half * 1800000000000 ELSE h.to_time END AS to_time
    FROM span_halves h CROSS JOIN (SELECT 0 AS is_end UNION ALL SELECT 1) AS n
),
present AS (
    SELECT h.day, u.user_key, u.segment_key
    FROM span_halves h CROSS JOIN rollup_user_day u
    WHERE u.day >= h.from_half / 48 AND u.day <= (h.to_half - 1) / 48 AND h.from_half < h.to_half
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND CASE WHEN u.day = h.to_half / 48
               THEN u.half_hours % (CAST(1 AS bigint) << (h.to_half % 48)) ELSE u.half_hours END
          >> CASE WHEN u.day = h.from_half / 48 THEN h.from_half % 48 ELSE 0 END <> 0
    UNION ALL
    SELECT p.day, e.user_key, s.segment_key
    FROM cut_halves p
    CROSS JOIN events e
    CROSS JOIN active_series s
    WHERE p.from_time < p.to_time AND e.time >= p.from_time AND e.time < p.to_time
      AND s.series_key = e.series_key AND e.user_key IS NOT NULL
    UNION ALL
    -- What was sampled out has no event; but where it was the first or last of a day, it shows.
    SELECT p.day, u.user_key, u.segment_key
    FROM cut_halves p CROSS JOIN rollup_user_day u
    WHERE p.from_time < p.to_time AND u.day = p.from_time / 86400000000000 AND u.half_hours <> 0
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND (u.first_time >= p.from_time AND u.first_time < p.to_time
           OR u.last_time >= p.from_time AND u.last_time < p.to_time)
)
