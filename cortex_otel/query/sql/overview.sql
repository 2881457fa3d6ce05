-- title: Overview
-- title.ko: 개요
-- about: How much the product was used, by how many, how well and how fast. Spans of other
--   instrumentations are no product events and stay out.
-- about.ko: 제품이 얼마나, 몇 명에게, 얼마나 잘, 얼마나 빠르게 쓰였는지 표시합니다. 다른 계측의
--   스팬은 제품 이벤트가 아니므로 제외합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: events count product events, weighted by sampling
-- column.ko: events 제품 이벤트 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / events; null without events
-- column.ko: error_rate 오류 / 이벤트. 이벤트가 없으면 비어 있음
-- column: active_users count distinct users with an event in the range widened to half hours
-- column.ko: active_users 30분 단위로 넓힌 기간에 이벤트가 있는 사용자 수
-- column: sessions count sessions that overlap the range
-- column.ko: sessions 기간과 겹치는 세션 수
-- column: avg_ms ms mean duration of the events that have one
-- column.ko: avg_ms 소요 시간이 있는 이벤트의 평균
-- column: timed count events with a duration: n of the mean and the percentiles
-- column.ko: timed 소요 시간이 있는 이벤트 수: 평균과 백분위수의 n
-- column: p50_ms ms half of the durations are at most this; nearest rank
-- column.ko: p50_ms 소요 시간의 절반이 이 값 이하(최근접 순위)
-- column: p95_ms ms 95 % of the durations are at most this
-- column.ko: p95_ms 소요 시간의 95 %가 이 값 이하
-- column: p99_ms ms 99 % of the durations are at most this
-- column.ko: p99_ms 소요 시간의 99 %가 이 값 이하
WITH
-- with: bounds
-- with: chosen_segments
-- with: counted
-- with: durations
totals AS (
    SELECT
        coalesce(sum(c.events), 0) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        sum(c.timed) AS timed,
        sum(c.duration_us) / 1000.0 AS duration_ms
    FROM counts c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
-- with: active_rows
histogram AS (
    SELECT bucket, sum(events) AS events
    FROM durations
    WHERE feature_key NOT IN (SELECT feature_key FROM features WHERE is_product = 0)
    GROUP BY bucket
),
-- with: percentiles
SELECT
    t.events AS events,
    t.errors AS errors,
    t.errors * 1.0 / nullif(t.events, 0) AS error_rate,
    (SELECT count(DISTINCT user_key) FROM active_rows) AS active_users,
    (SELECT count(*) FROM sessions n
     WHERE n.end_time >= :from_ns AND n.start_time < :to_ns
       AND n.events > 0
       AND n.session_key NOT IN (SELECT session_key FROM sessions WHERE session_id = '')
       AND n.segment_key IN (SELECT segment_key FROM chosen_segments)) AS sessions,
    t.duration_ms / nullif(t.timed, 0) AS avg_ms,
    coalesce(t.timed, 0) AS timed,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    p.p99_ms AS p99_ms
FROM totals t CROSS JOIN percentiles p
