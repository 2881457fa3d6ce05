-- title: Search performance
-- title.ko: 검색 성능
-- about: Searches of the context, how fast they were, how much they found, and, where a
--   needle-in-a-haystack check ran, what share of the needles.
-- about.ko: 컨텍스트 검색의 속도와 결과 수, 그리고 needle-in-a-haystack 검사를 한 경우 찾은
--   비율입니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: searches count searches, weighted by sampling
-- column.ko: searches 검색 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / searches
-- column.ko: error_rate 오류 / 검색
-- column: avg_results count results of a search, on average; null where none was told
-- column.ko: avg_results 검색 한 번의 평균 결과 수. 알려지지 않았으면 비어 있음
-- column: recall ratio needles found / needles; null without a check
-- column.ko: recall 찾은 항목 / 찾을 항목. 검사가 없으면 비어 있음
-- column: checks count searches with a check: n of recall
-- column.ko: checks 재현율을 검사한 검색 수
-- column: n count searches with a duration: n of the percentiles
-- column.ko: n 소요 시간이 있는 검색 수: 백분위수의 n
-- column: p50_ms ms half of the searches took at most this; nearest rank
-- column.ko: p50_ms 검색의 절반이 이 시간 이하(최근접 순위)
-- column: p95_ms ms 95 % of the searches took at most this
-- column.ko: p95_ms 검색의 95 %가 이 시간 이하
-- column: p99_ms ms 99 % of the searches took at most this
-- column.ko: p99_ms 검색의 99 %가 이 시간 이하
WITH RECURSIVE
-- with: bounds
-- with: chosen_segments
-- with: counted
-- with: search_durations
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
    SELECT bucket, sum(events) AS events FROM search_durations GROUP BY bucket
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
FROM totals t CROSS JOIN percentiles p CROSS JOIN measures m
WHERE t.searches > 0
