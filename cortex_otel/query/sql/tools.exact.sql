-- about: From the events of exactly the range.
WITH
-- with: events_in_range
chosen AS (
    SELECT s.tool_name, s.user_tier, s.service, s.result, s.is_failed, e.duration, e.weight
    FROM events_in_range e JOIN series s ON s.series_key = e.series_key
    WHERE s.event_type = 'mcp.tool_call'
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
),
calls AS (
    SELECT
        tool_name, user_tier, service,
        sum(weight) AS calls,
        coalesce(sum(weight) FILTER (WHERE is_failed = 1), 0) AS errors,
        coalesce(sum(weight) FILTER (WHERE result = 'timeout'), 0) AS timeouts,
        coalesce(sum(weight) FILTER (WHERE result = 'cancelled'), 0) AS cancelled
    FROM chosen
    GROUP BY tool_name, user_tier, service
),
ranked AS (
    SELECT
        tool_name, user_tier, service,
        duration / 1e6 AS duration_ms,
        sum(weight) OVER (PARTITION BY tool_name, user_tier, service ORDER BY duration) AS reached,
        sum(weight) OVER (PARTITION BY tool_name, user_tier, service) AS total
    FROM chosen WHERE duration IS NOT NULL
),
percentiles AS (
    SELECT
        tool_name, user_tier, service,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 95) AS p95
    FROM ranked
    GROUP BY tool_name, user_tier, service
)
SELECT
    c.tool_name AS tool_name,
    c.user_tier AS user_tier,
    c.service AS service,
    c.calls AS calls,
    c.errors AS errors,
    c.timeouts AS timeouts,
    c.cancelled AS cancelled,
    c.errors / nullif(c.calls, 0) AS error_rate,
    p.p50 AS p50_ms,
    p.p95 AS p95_ms
FROM calls c
LEFT JOIN percentiles p
    ON p.tool_name = c.tool_name AND p.user_tier = c.user_tier AND p.service = c.service
ORDER BY c.calls DESC, c.tool_name, c.user_tier, c.service
