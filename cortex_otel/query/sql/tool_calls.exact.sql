-- about: From the events of exactly the range.
WITH
-- with: events_in_range
chosen AS (
    SELECT s.tool_name, s.result, s.is_failed, e.duration, e.weight
    FROM events_in_range e JOIN series s ON s.series_key = e.series_key
    WHERE s.event_type = 'mcp.tool_call'
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
),
calls AS (
    SELECT
        tool_name,
        sum(weight) AS calls,
        coalesce(sum(weight) FILTER (WHERE is_failed = 1), 0) AS errors,
        coalesce(sum(weight) FILTER (WHERE result = 'timeout'), 0) AS timeouts,
        coalesce(sum(weight) FILTER (WHERE result = 'cancelled'), 0) AS cancelled,
        sum(weight) FILTER (WHERE duration IS NOT NULL) AS timed,
        sum(weight * duration / 1e6) AS duration_ms
    FROM chosen
    GROUP BY tool_name
),
ranked AS (
    SELECT
        tool_name,
        duration / 1e6 AS duration_ms,
        sum(weight) OVER (PARTITION BY tool_name ORDER BY duration) AS reached,
        sum(weight) OVER (PARTITION BY tool_name) AS total
    FROM chosen WHERE duration IS NOT NULL
),
percentiles AS (
    SELECT
        tool_name,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 95) AS p95,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 99) AS p99
    FROM ranked
    GROUP BY tool_name
)
SELECT
    c.tool_name AS tool_name,
    c.calls AS calls,
    c.errors AS errors,
    c.timeouts AS timeouts,
    c.cancelled AS cancelled,
    c.errors / nullif(c.calls, 0) AS error_rate,
    c.duration_ms / nullif(c.timed, 0) AS avg_ms,
    coalesce(c.timed, 0) AS n,
    p.p50 AS p50_ms,
    p.p95 AS p95_ms,
    p.p99 AS p99_ms
FROM calls c LEFT JOIN percentiles p ON p.tool_name = c.tool_name
ORDER BY c.calls DESC, c.tool_name
