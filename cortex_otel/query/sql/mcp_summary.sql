-- title: MCP tools at a glance
-- about: Calls of all MCP tools, how many failed and how long they took; what Smart Context saved,
--   and how many of the suggested references were accepted.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: calls count tool calls, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / calls
-- column: tools count distinct tools called
-- column: avg_ms ms mean duration of the calls
-- column: timed count calls with a duration: n of the mean and the percentiles
-- column: p50_ms ms half of the calls took at most this; nearest rank
-- column: p95_ms ms 95 % of the calls took at most this
-- column: p99_ms ms 99 % of the calls took at most this
-- column: savings_rate ratio 1 - tokens after / tokens before; null without tokens
-- column: accuracy ratio references accepted / suggested; null without suggestions
WITH
-- with: counted
-- with: durations
-- with: range_span
-- with: measured
totals AS (
    SELECT
        coalesce(sum(c.events), 0) AS calls,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        count(DISTINCT s.tool_name) AS tools,
        coalesce(sum(c.timed), 0) AS timed,
        sum(c.duration_us) / 1000.0 AS duration_ms
    FROM counts c JOIN series s ON s.series_key = c.series_key
    WHERE s.event_type = 'mcp.tool_call'
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
histogram AS (
    SELECT 0 AS cell, bucket, sum(events) AS events
    FROM durations
    WHERE feature_key IN (SELECT feature_key FROM features WHERE event_type = 'mcp.tool_call')
    GROUP BY bucket
),
-- with: percentiles
measures AS (
    SELECT
        sum(total) FILTER (WHERE measure = 'tokens_before') AS tokens_before,
        sum(total) FILTER (WHERE measure = 'tokens_after') AS tokens_after,
        sum(total) FILTER (WHERE measure = 'suggested') AS suggested,
        coalesce(sum(total) FILTER (WHERE measure = 'accepted'), 0) AS accepted
    FROM measured
)
SELECT
    t.calls AS calls,
    t.errors AS errors,
    t.errors * 1.0 / nullif(t.calls, 0) AS error_rate,
    t.tools AS tools,
    t.duration_ms / nullif(t.timed, 0) AS avg_ms,
    t.timed AS timed,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    p.p99_ms AS p99_ms,
    1 - coalesce(m.tokens_after, 0) * 1.0 / nullif(m.tokens_before, 0) AS savings_rate,
    m.accepted * 1.0 / nullif(m.suggested, 0) AS accuracy
FROM totals t CROSS JOIN measures m LEFT JOIN percentiles p ON p.cell = 0
