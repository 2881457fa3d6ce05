-- title: Health of each service
-- title.ko: 서비스 상태
-- about: How each service did in a short range, from the events themselves: what alerts are put on.
--   A service without any event in the range has no row.
-- about.ko: 짧은 기간에 각 서비스가 어땠는지 이벤트에서 직접 계산합니다. 경고의 기준이 됩니다.
--   기간에 이벤트가 없는 서비스는 행이 없습니다.
-- since: 15m
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column.ko: service 서비스
-- column: events count product events, weighted by sampling
-- column.ko: events 제품 이벤트 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / events
-- column.ko: error_rate 오류 / 이벤트
-- column: avg_ms ms mean duration of the events that have one
-- column.ko: avg_ms 소요 시간이 있는 이벤트의 평균
-- column: last_event unix_ns when the latest of them began
-- column.ko: last_event 가장 최근 이벤트가 시작된 때
-- column: silent_ms ms from then to the end of the range
-- column.ko: silent_ms 그때부터 기간 끝까지
WITH chosen AS (
    SELECT s.service, s.result, e.time, e.duration, coalesce(e.weight, 1.0) AS weight
    FROM events e JOIN series s ON s.series_key = e.series_key
    WHERE e.time >= :from_ns AND e.time < :to_ns
      AND s.event_type NOT IN ('span', 'log')
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
)
SELECT
    service AS service,
    sum(weight) AS events,
    coalesce(sum(weight) FILTER (WHERE result IN ('error', 'timeout')), 0) AS errors,
    coalesce(sum(weight) FILTER (WHERE result IN ('error', 'timeout')), 0) / sum(weight) AS error_rate,
    sum(weight * duration / 1e6) / sum(weight) FILTER (WHERE duration IS NOT NULL) AS avg_ms,
    max(time) AS last_event,
    (:to_ns - max(time)) / 1e6 AS silent_ms
FROM chosen
GROUP BY service
ORDER BY service
