-- title: Services
-- title.ko: 서비스
-- about: Product events, failures and users of each service. Users are of the range widened to half
--   hours.
-- about.ko: 서비스별 제품 이벤트, 실패, 사용자입니다. 사용자는 30분 단위로 넓힌 기간입니다.
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
-- column: users count distinct users
-- column.ko: users 서로 다른 사용자 수
WITH
-- with: bounds
-- with: chosen_segments
-- with: counted
-- with: active_rows
people AS (
    SELECT g.service, count(DISTINCT a.user_key) AS users
    FROM active_rows a JOIN chosen_segments g ON g.segment_key = a.segment_key
    GROUP BY g.service
),
totals AS (
    SELECT
        s.service,
        sum(c.events) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.service
)
SELECT
    t.service AS service,
    t.events AS events,
    t.errors AS errors,
    t.errors * 1.0 / nullif(t.events, 0) AS error_rate,
    coalesce(p.users, 0) AS users
FROM totals t LEFT JOIN people p ON p.service = t.service
ORDER BY t.events DESC, t.service
