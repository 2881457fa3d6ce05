-- title: Search performance
-- about: Searches of the context, how fast they were, how much they found, and, where a
--   needle-in-a-haystack check ran, what share of the needles.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: searches count searches, weighted by sampling
-- column: errors count of these, failed or timed out; a tool that fails beside its search isn't one
-- column: error_rate ratio errors / searches
-- column: avg_results count results of a search, on average; null where none was recorded
-- column: recall ratio needles found / needles; null without a check
-- column: checks count searches with a check: n of recall
-- column: n count searches with a duration: n of the percentiles
-- column: p50_ms ms half of the searches took at most this; nearest rank
-- column: p95_ms ms 95 % of the searches took at most this
-- column: p99_ms ms 99 % of the searches took at most this
WITH RECURSIVE
-- with: counted
-- with: range_span
timed_type (event_type) AS (VALUES ('mcp.search_context')),
-- with: span_durations
-- with: measured
-- MATERIALIZED: the few that are wanted are found before anything is counted.
wanted AS MATERIALIZED (
    SELECT series_key, is_failed FROM series
    WHERE event_type = 'mcp.search_context'
      AND segment_key IN (SELECT segment_key FROM chosen_segments)
),
totals AS (
    SELECT
        coalesce(sum(c.events), 0) AS searches,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        coalesce(sum(c.timed), 0) AS timed
    FROM counts c JOIN wanted s ON s.series_key = c.series_key
),
histogram AS (
    SELECT 0 AS cell, bucket, sum(events) AS events FROM span_durations GROUP BY bucket
),
-- with: percentiles
measures AS (
    SELECT
        sum(total) FILTER (WHERE measure = 'results') AS results,
        sum(events) FILTER (WHERE measure = 'results') AS told,
        sum(total) FILTER (WHERE measure = 'recall') AS recall,
        sum(events) FILTER (WHERE measure = 'recall') AS checks
    FROM measured
)
SELECT
    t.searches AS searches,
    t.errors AS errors,
    t.errors * 1.0 / nullif(t.searches, 0) AS error_rate,
    m.results * 1.0 / nullif(m.told, 0) AS avg_results,
    m.recall * 1.0 / nullif(m.checks, 0) AS recall,
    coalesce(m.checks, 0) AS checks,
    t.timed AS n,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    p.p99_ms AS p99_ms
FROM totals t CROSS JOIN measures m LEFT JOIN percentiles p ON p.cell = 0
WHERE t.searches > 0
