-- title: Tool calls
-- about: Calls of each MCP tool by tier and service, with failures and durations.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: tool_name text the tool
-- column: user_tier free|trial|paid|enterprise tier of the caller at the time of the call
-- column: service text service that ran the tool
-- column: calls count calls, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: timeouts count of these, timed out
-- column: cancelled count cancelled by the client; not errors
-- column: error_rate ratio errors / calls
-- column: p50_ms ms half of the calls took at most this; nearest rank
-- column: p95_ms ms 95 % of the calls took at most this
WITH
-- with: counted
-- with: durations
calls AS (
    SELECT
        s.feature_key, s.segment_key,
        max(s.tool_name) AS tool_name,
        sum(c.events) AS calls,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE s.result = 'timeout'), 0) AS timeouts,
        coalesce(sum(c.events) FILTER (WHERE s.result = 'cancelled'), 0) AS cancelled
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.event_type = 'mcp.tool_call'
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.feature_key, s.segment_key
),
histogram AS (
    SELECT feature_key * 4194304 + segment_key AS cell, bucket, events
    FROM durations
    WHERE feature_key IN (SELECT feature_key FROM features WHERE event_type = 'mcp.tool_call')
),
-- with: percentiles
SELECT
    c.tool_name AS tool_name,
    g.user_tier AS user_tier,
    g.service AS service,
    c.calls AS calls,
    c.errors AS errors,
    c.timeouts AS timeouts,
    c.cancelled AS cancelled,
    c.errors * 1.0 / nullif(c.calls, 0) AS error_rate,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms
FROM calls c
JOIN chosen_segments g ON g.segment_key = c.segment_key
LEFT JOIN percentiles p ON p.cell = c.feature_key * 4194304 + c.segment_key
ORDER BY c.calls DESC, c.tool_name, g.user_tier, g.service
