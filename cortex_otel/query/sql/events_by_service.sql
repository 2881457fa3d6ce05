-- title: Events by service
-- about: Product events of each service and event type, most first.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column: event_type text the event type
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
WITH
-- with: counted
totals AS (
    SELECT
        s.service, s.event_type,
        sum(c.events) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        sum(c.events * s.in_error_rate) AS rated,
        sum(c.events * s.in_error_rate * s.is_failed) AS rated_errors
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
    GROUP BY s.service, s.event_type
)
SELECT service, event_type, events, errors, rated_errors * 1.0 / nullif(rated, 0) AS error_rate
FROM totals
ORDER BY events DESC, service, event_type
