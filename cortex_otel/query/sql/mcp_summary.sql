-- title: MCP tools in short
-- title.ko: MCP 도구 요약
-- about: Calls of all MCP tools, how many failed and how long they took; what Smart Context saved,
--   and how many of the suggested references were accepted.
-- about.ko: 모든 MCP 도구의 호출, 실패, 소요 시간과 Smart Context의 토큰 절감, 제안된 참조의
--   채택률입니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: calls count tool calls, weighted by sampling
-- column.ko: calls 도구 호출 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / calls
-- column.ko: error_rate 오류 / 호출
-- column: tools count distinct tools called
-- column.ko: tools 호출된 서로 다른 도구 수
-- column: avg_ms ms mean duration of the calls
-- column.ko: avg_ms 호출의 평균 소요 시간
-- column: timed count calls with a duration: n of the mean and the percentiles
-- column.ko: timed 소요 시간이 있는 호출 수: 평균과 백분위수의 n
-- column: p50_ms ms half of the calls took at most this; nearest rank
-- column.ko: p50_ms 호출의 절반이 이 시간 이하(최근접 순위)
-- column: p95_ms ms 95 % of the calls took at most this
-- column.ko: p95_ms 호출의 95 %가 이 시간 이하
-- column: p99_ms ms 99 % of the calls took at most this
-- column.ko: p99_ms 호출의 99 %가 이 시간 이하
-- column: savings_rate ratio 1 - tokens after / tokens before; null without tokens
-- column.ko: savings_rate 1 - 압축 후 토큰 / 압축 전 토큰. 토큰이 없으면 비어 있음
-- column: accuracy ratio references accepted / suggested; null without suggestions
-- column.ko: accuracy 채택된 참조 / 제안된 참조. 제안이 없으면 비어 있음
WITH
-- with: bounds
-- with: chosen_segments
-- with: counted
-- with: durations
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
    SELECT bucket, sum(events) AS events
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
FROM totals t CROSS JOIN percentiles p CROSS JOIN measures m
