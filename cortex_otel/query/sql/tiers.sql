-- title: Users by tier
-- about: Active users by the tier they had last in the range, so that the rows add up to all active
--   users; and the events recorded under each tier.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- column: user_tier free|trial|paid|enterprise the tier
-- column: users count distinct users whose last tier in the range is this one
-- column: user_share ratio users / all active users
-- column: events count product events under this tier, weighted by sampling
-- column: errors count of these, failed or timed out
WITH
-- with: counted
-- with: day_edges
service_segments AS (
    SELECT segment_key, user_tier FROM segments WHERE :service = '' OR service = :service
),
-- Events that make a user active.
active_series AS MATERIALIZED (
    SELECT series_key, segment_key FROM series
    WHERE is_active = 1 AND (:service = '' OR service = :service)
),
last_seen AS (
    SELECT user_key, segment_key, max(last_time) AS last_time
    FROM (
        SELECT u.user_key, u.segment_key, u.last_time
        FROM whole_days w JOIN rollup_user_day u ON u.day >= w.first_day AND u.day <= w.last_day
        WHERE u.segment_key IN (SELECT segment_key FROM service_segments) AND u.half_hours <> 0
        UNION ALL
        SELECT e.user_key, s.segment_key, e.time
        FROM day_edge_events e CROSS JOIN active_series s
        WHERE s.series_key = e.series_key
    ) AS seen
    GROUP BY user_key, segment_key
),
latest AS (
    SELECT
        g.user_tier,
        row_number() OVER (PARTITION BY l.user_key ORDER BY l.last_time DESC, g.user_tier) AS place
    FROM last_seen l JOIN service_segments g ON g.segment_key = l.segment_key
),
people AS (
    SELECT user_tier, count(*) AS users FROM latest WHERE place = 1 GROUP BY user_tier
),
totals AS (
    SELECT
        s.user_tier,
        sum(c.events) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1 AND (:service = '' OR s.service = :service)
    GROUP BY s.user_tier
),
all_tiers AS (
    SELECT user_tier FROM people UNION SELECT user_tier FROM totals
)
SELECT
    a.user_tier AS user_tier,
    coalesce(p.users, 0) AS users,
    coalesce(p.users, 0) * 1.0 / nullif((SELECT sum(users) FROM people), 0) AS user_share,
    coalesce(t.events, 0) AS events,
    coalesce(t.errors, 0) AS errors
FROM all_tiers a
LEFT JOIN people p ON p.user_tier = a.user_tier
LEFT JOIN totals t ON t.user_tier = a.user_tier
ORDER BY coalesce(p.users, 0) DESC, a.user_tier
