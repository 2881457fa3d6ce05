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
-- parameter: top integer 25 how many features
-- column: week epoch_day the Monday of the week
-- column: feature text event type and feature, as in a step of a funnel
-- column: users count distinct users of the feature in that week
-- column: share_of_active ratio users / active users of the week; null without any
-- column: uses_per_user count uses / users, those without a user id too; null without users
-- column: partial flag 1 if the range ends before the week does
WITH RECURSIVE
-- with: range_weeks
-- with: present
-- with: feature_spans
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
        CROSS JOIN series s CROSS JOIN named_features n
        WHERE s.series_key = u.series_key AND n.feature_key = s.feature_key
          AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
        UNION ALL
        SELECT w.week, n.name_key, 0, 0.0 FROM weeks w CROSS JOIN named_features n
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
WHERE r.place <= :top
ORDER BY r.place, r.week
