-- title: Events by service
-- title.ko: 서비스별 이벤트
-- about: Product events of each service and event type, most first.
-- about.ko: 서비스와 이벤트 유형별 제품 이벤트이며, 많은 것부터 표시합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column.ko: service 서비스
-- column: event_type text the event type
-- column.ko: event_type 이벤트 유형
-- column: events count product events, weighted by sampling
-- column.ko: events 제품 이벤트 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / events
-- column.ko: error_rate 오류 / 이벤트
WITH
-- with: bounds
-- with: counted
totals AS (
    SELECT
        s.service, s.event_type,
        sum(c.events) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
    GROUP BY s.service, s.event_type
)
SELECT service, event_type, events, errors, errors * 1.0 / nullif(events, 0) AS error_rate
FROM totals
ORDER BY events DESC, service, event_type
