-- title: What fails
-- about: The tool, or the event type where it is none, with the most failures in the range, as the
--   question error_places counts them, and how many users met one. The extension's own reports of errors
--   are left out: nothing can succeed there, so they have no rate.
-- since: 7d
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: event_type text the event type
-- column: place text the tool, or the event type
-- column: errors count events that failed or timed out, weighted by sampling
-- column: error_rate ratio errors / events, of the event types that count in error rates
-- column: users count distinct users with such a failure
WITH
-- asks: error_places
worst AS (
    SELECT event_type, coalesce(tool_name, '') AS tool_name, errors, error_rate
    FROM error_places
    WHERE event_type <> 'ext.error'
    ORDER BY errors DESC, event_type, tool_name
    LIMIT 1
),
failing AS (
    SELECT s.series_key
    FROM worst w JOIN series s ON s.event_type = w.event_type AND s.tool_name = w.tool_name
    WHERE s.is_failed = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
),
met AS (
    SELECT count(DISTINCT e.user_key) AS users
    FROM events e
    WHERE e.time >= :from_ns AND e.time < :to_ns
      AND e.series_key IN (SELECT series_key FROM failing)
)
SELECT
    w.event_type AS event_type,
    coalesce(nullif(w.tool_name, ''), w.event_type) AS place,
    w.errors AS errors,
    w.error_rate AS error_rate,
    m.users AS users
FROM worst w CROSS JOIN met m
