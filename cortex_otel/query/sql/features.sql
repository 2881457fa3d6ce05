-- title: Features
-- title.ko: 기능 사용
-- about: What of the product is used (tools, elements, categories), by how many users and how
--   often. Users are of whole UTC days; under a tier filter, of the days on which they had it.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column: event_type text the event type
-- column: feature text the tool, element or category
-- column: users count distinct users
-- column: events count product events, weighted by sampling; those without a user too
WITH bounds AS (
    SELECT
        :from_ns / 3600000000000 AS from_hour,
        (:to_ns + 3599999999999) / 3600000000000 AS to_hour,
        :from_ns / 86400000000000 AS from_day,
        (:to_ns + 86399999999999) / 86400000000000 AS to_day
),
chosen_features AS (
    SELECT feature_key, service, event_type, feature FROM features
    WHERE feature <> '' AND event_type NOT IN ('span', 'log')
      AND (:service = '' OR service = :service)
),
tier_days AS (
    SELECT d.day, d.user_key
    FROM bounds b JOIN rollup_user_day d ON d.day >= b.from_day AND d.day < b.to_day
    WHERE :user_tier <> ''
      AND d.segment_key IN (
        SELECT segment_key FROM segments
        WHERE user_tier = :user_tier AND (:service = '' OR service = :service)
      )
),
people AS (
    SELECT feature_key, count(*) AS users
    FROM (
        SELECT DISTINCT u.feature_key, u.user_key
        FROM bounds b JOIN rollup_user_feature_day u ON u.day >= b.from_day AND u.day < b.to_day
        WHERE :user_tier = '' OR (u.day, u.user_key) IN (SELECT day, user_key FROM tier_days)
    ) AS pairs
    GROUP BY feature_key
),
counted AS (
    SELECT h.series_key, sum(h.events) AS events
    FROM bounds b JOIN rollup_hour h ON h.hour >= b.from_hour AND h.hour < b.to_hour
    GROUP BY h.series_key
),
totals AS (
    SELECT s.feature_key, sum(c.events) AS events
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE :user_tier = '' OR s.user_tier = :user_tier
    GROUP BY s.feature_key
)
SELECT
    f.service AS service,
    f.event_type AS event_type,
    f.feature AS feature,
    coalesce(p.users, 0) AS users,
    t.events AS events
FROM totals t
JOIN chosen_features f ON f.feature_key = t.feature_key
LEFT JOIN people p ON p.feature_key = t.feature_key
ORDER BY coalesce(p.users, 0) DESC, t.events DESC, f.service, f.event_type, f.feature
