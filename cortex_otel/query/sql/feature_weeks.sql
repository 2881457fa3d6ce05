-- title: Features by week
-- about: How many users used each feature (tool, element, category) in each week (Monday to Sunday) that
--   the range touches, what share of the week's active users that is, and how often each of them used
--   it; the features with the most users in the range. Uses are weighted by sampling.
-- since: 84d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: top integer:1..200 25 how many features
-- column: week epoch_day the Monday of the week
-- column: feature text event type and feature, as in a step of a funnel
-- column: users count distinct users of the feature in that week
-- column: share_of_active ratio users / active users of the week; null without any
-- column: uses_per_user count uses / users, those without a user id too; null without users
-- column: partial flag 1 if the range ends before the week does
WITH RECURSIVE
-- with: local_days
wanted_days AS (
    SELECT (from_day + 3) / 7 * 7 - 3 AS from_day, (to_day + 2) / 7 * 7 + 4 AS to_day FROM local_days
),
-- with: calendar_weeks
spans AS (
    SELECT week AS day, from_time, to_time FROM weeks
),
-- with: present
-- with: named_features
-- Whole UTC days are bits of the roll-up; where a week begins or ends within one, the events of that part
-- tell. Where those aren't kept any more, the day counts for the week that has the larger part of it;
-- and where nothing is recorded after the end of the week, all of it does.
span_days AS MATERIALIZED (
    SELECT
        day, from_time, to_time,
        CASE WHEN from_time % 86400000000000 = 0 THEN from_time / 86400000000000
             WHEN $EVENTS_GONE(day, from_time)
             THEN (from_time + 43200000000000) / 86400000000000
             ELSE from_time / 86400000000000 + 1 END AS first_day,
        CASE WHEN to_time % 86400000000000 = 0 THEN to_time / 86400000000000 - 1
             WHEN to_time > (SELECT max(time) FROM events) THEN to_time / 86400000000000
             WHEN $EVENTS_GONE(day, to_time)
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
-- The features of most users around the range, as the first and last days of use tell.
shown_features AS MATERIALIZED (
    SELECT feature_key, name_key
    FROM (
        SELECT feature_key, name_key, dense_rank() OVER (ORDER BY all_users DESC, name_key) AS place
        FROM (
            SELECT n.feature_key, n.name_key, sum(r.users) OVER (PARTITION BY n.name_key) AS all_users
            FROM named_features n
            JOIN (
                SELECT feature_key, count(DISTINCT user_key) AS users
                FROM rollup_user_feature
                WHERE last_day >= :from_ns / 86400000000000 - 7
                  AND first_day <= :to_ns / 86400000000000 + 7
                  AND segment_key IN (SELECT segment_key FROM chosen_segments)
                GROUP BY feature_key
            ) r ON r.feature_key = n.feature_key
        ) AS added_up
    ) AS ordered
    WHERE place <= :top
),
-- Day, name and user are one number, cell, which SQLite sorts in a third of the time: the day is
-- cell / 281474976710656, the name_key cell / 4294967296 % 65536 and the user_key cell % 4294967296.
feature_spans AS (
    SELECT DISTINCT (p.day * 65536 + p.name_key) * 4294967296 + p.user_key AS cell
    FROM (
        SELECT s.day, n.name_key, u.user_key
        FROM shown_features n CROSS JOIN rollup_user_feature_days u CROSS JOIN span_blocks s
        WHERE u.feature_key = n.feature_key AND s.block = u.block AND (u.days & s.mask) <> 0
          AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
        UNION ALL
        SELECT g.day, n.name_key, e.user_key
        FROM feature_edges g CROSS JOIN events e CROSS JOIN series s CROSS JOIN shown_features n
        WHERE n.feature_key = s.feature_key AND e.time >= g.from_time AND e.time < g.to_time AND e.user_key IS NOT NULL
          AND s.series_key = e.series_key
          AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    ) AS p
),
-- with: span_hours
week_users AS (
    SELECT week, count(*) AS users
    FROM (SELECT DISTINCT day AS week, user_key FROM present) AS once
    GROUP BY week
),
uses AS (
    SELECT h.day AS week, r.series_key, r.events
    FROM span_hours h CROSS JOIN rollup_day r
    WHERE r.day >= (h.from_hour + 23) / 24 AND r.day < h.to_hour / 24
    UNION ALL
    -- Weeks are longer than a day: the hours before and after its whole days.
    SELECT h.day, r.series_key, r.events
    FROM span_hours h CROSS JOIN rollup_hour r
    WHERE r.hour >= h.from_hour AND r.hour < (h.from_hour + 23) / 24 * 24
    UNION ALL
    SELECT h.day, r.series_key, r.events
    FROM span_hours h CROSS JOIN rollup_hour r
    WHERE r.hour >= h.to_hour / 24 * 24 AND r.hour < h.to_hour
    UNION ALL
    SELECT g.day, e.series_key, coalesce(e.weight, 1.0)
    FROM span_edges g CROSS JOIN events e
    WHERE e.time >= g.from_time AND e.time < g.to_time
),
-- Users, uses, and nothing at all, so that there is a cell for each feature and week.
cells AS (
    SELECT week, name_key, sum(users) AS users, sum(events) AS events
    FROM (
        SELECT pair / 65536 AS week, pair % 65536 AS name_key, count(*) AS users, 0.0 AS events
        FROM (SELECT cell / 4294967296 AS pair FROM feature_spans) AS used
        GROUP BY pair
        UNION ALL
        SELECT u.week, n.name_key, 0, u.events
        FROM (SELECT week, series_key, sum(events) AS events FROM uses GROUP BY week, series_key) u
        CROSS JOIN series s CROSS JOIN shown_features n
        WHERE s.series_key = u.series_key AND n.feature_key = s.feature_key
          AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
        UNION ALL
        SELECT w.week, n.name_key, 0, 0.0 FROM weeks w CROSS JOIN shown_features n
    ) AS parts
    GROUP BY week, name_key
),
ranked AS (
    SELECT
        week, name_key, users, events, all_users,
        dense_rank() OVER (ORDER BY all_users DESC, name_key) AS place
    FROM (
        SELECT *, sum(users) OVER (PARTITION BY name_key) AS all_users FROM cells
    ) AS added_up
    WHERE all_users > 0
)
SELECT
    r.week * 7 - 3 AS week,
    n.name AS feature,
    r.users AS users,
    r.users * 1.0 / nullif(a.users, 0) AS share_of_active,
    r.events * 1.0 / nullif(r.users, 0) AS uses_per_user,
    w.partial AS partial
FROM ranked r
JOIN named_features n ON n.feature_key = r.name_key
JOIN weeks w ON w.week = r.week
LEFT JOIN week_users a ON a.week = r.week
ORDER BY r.place, r.week
