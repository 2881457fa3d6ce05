-- title: Services
-- about: Product events, failures and active users of each service.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
-- column: rated count events of those types: n of the rate
-- column: users count distinct users
WITH
-- with: counted
-- with: range_span
-- with: present
people AS (
    SELECT g.service, count(DISTINCT a.user_key) AS users
    FROM present a JOIN chosen_segments g ON g.segment_key = a.segment_key
    GROUP BY g.service
),
totals AS (
    SELECT
        s.service,
        sum(c.events) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        sum(c.events * s.in_error_rate) AS rated,
        sum(c.events * s.in_error_rate * s.is_failed) AS rated_errors
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.service
)
SELECT
    t.service AS service,
    t.events AS events,
    t.errors AS errors,
    t.rated_errors * 1.0 / nullif(t.rated, 0) AS error_rate,
    t.rated AS rated,
    coalesce(p.users, 0) AS users
FROM totals t LEFT JOIN people p ON p.service = t.service
ORDER BY t.events DESC, t.service
