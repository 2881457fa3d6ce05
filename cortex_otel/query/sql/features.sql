-- title: Features
-- title.ko: 기능 사용
-- about: What of the product is used (tools, elements, categories), by how many users and how
--   often. Users are of whole UTC days.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column: event_type text the event type
-- column: feature text the tool, element or category
-- column: users count distinct users
-- column: events count product events, weighted by sampling; those without a user too
WITH
-- with: bounds
-- with: chosen_segments
-- with: counted
people AS (
    SELECT feature_key, count(*) AS users
    FROM (
        SELECT DISTINCT u.feature_key, u.user_key
        FROM bounds b JOIN rollup_user_feature_day u
            ON u.day >= b.from_hour / 24 AND u.day <= (b.to_hour - 1) / 24
        WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
    ) AS pairs
    GROUP BY feature_key
),
totals AS (
    SELECT s.feature_key, sum(c.events) AS events
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.feature_key
)
SELECT
    f.service AS service,
    f.event_type AS event_type,
    f.feature AS feature,
    coalesce(p.users, 0) AS users,
    t.events AS events
FROM totals t
JOIN features f ON f.feature_key = t.feature_key
LEFT JOIN people p ON p.feature_key = t.feature_key
WHERE f.feature <> '' AND f.event_type NOT IN ('span', 'log')
ORDER BY coalesce(p.users, 0) DESC, t.events DESC, f.service, f.event_type, f.feature
