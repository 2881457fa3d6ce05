-- title: Calls by tool
-- about: Calls of each MCP tool, whoever made them, with failures and durations. A call that the
--   client cancelled is no failure.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: tool_name text the tool
-- column: calls count calls, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: timeouts count of these, timed out
-- column: cancelled count cancelled by the client; not errors
-- column: error_rate ratio errors / calls
-- column: avg_ms ms mean duration
-- column: n count calls with a duration: n of the mean and the percentiles
-- column: p50_ms ms half of the calls took at most this; nearest rank
-- column: p95_ms ms 95 % of the calls took at most this
-- column: p99_ms ms 99 % of the calls took at most this
WITH
-- with: counted
-- with: durations
calls AS (
    SELECT
        s.tool_name,
        sum(c.events) AS calls,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE s.result = 'timeout'), 0) AS timeouts,
        coalesce(sum(c.events) FILTER (WHERE s.result = 'cancelled'), 0) AS cancelled,
        sum(c.timed) AS timed,
        sum(c.duration_ms) AS duration_ms
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.event_type = 'mcp.tool_call'
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.tool_name
),
histogram AS (
    SELECT f.feature AS cell, d.bucket, sum(d.events) AS events
    FROM durations d JOIN features f ON f.feature_key = d.feature_key
    WHERE f.event_type = 'mcp.tool_call'
    GROUP BY f.feature, d.bucket
),
-- with: percentiles
SELECT
    c.tool_name AS tool_name,
    c.calls AS calls,
    c.errors AS errors,
    c.timeouts AS timeouts,
    c.cancelled AS cancelled,
    c.errors * 1.0 / nullif(c.calls, 0) AS error_rate,
    c.duration_ms / nullif(c.timed, 0) AS avg_ms,
    coalesce(c.timed, 0) AS n,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    p.p99_ms AS p99_ms
FROM calls c LEFT JOIN percentiles p ON p.cell = c.tool_name
ORDER BY c.calls DESC, c.tool_name
