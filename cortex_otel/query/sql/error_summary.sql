-- title: Errors in short
-- title.ko: 오류 요약
-- about: Events that failed or timed out, and their share of all events of the same service, tier,
--   event type and tool. Of whole hours, but for the last error, which is of exactly the range.
-- about.ko: 실패하거나 시간 초과된 이벤트와, 같은 서비스·등급·이벤트 유형·도구의 모든 이벤트 중 그
--   비율입니다. 온전한 시간 단위이며, 마지막 오류만 정확한 기간에서 찾습니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter.ko: event_type 이벤트 유형 또는 그 앞부분. 비우면 전체
-- parameter: error_type text '' a class of error, unknown where none was told; empty for all
-- parameter.ko: error_type 오류 유형. 알려지지 않은 것은 unknown. 비우면 전체
-- parameter: tool text '' a tool; empty for all
-- parameter.ko: tool 도구. 비우면 전체
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 전체
-- column: errors count events that failed or timed out, weighted by sampling
-- column.ko: errors 실패하거나 시간 초과된 이벤트(샘플링 보정)
-- column: timeouts count of these, timed out
-- column.ko: timeouts 그중 시간 초과된 것
-- column: error_rate ratio errors / events; null without events
-- column.ko: error_rate 오류 / 이벤트. 이벤트가 없으면 비어 있음
-- column: error_types count distinct classes of error
-- column.ko: error_types 서로 다른 오류 유형 수
-- column: events count product events
-- column.ko: events 제품 이벤트 수
-- column: last_error unix_ns when the last error happened; where the events of that hour are no
--   longer kept, the start of the hour
-- column.ko: last_error 마지막 오류가 일어난 때. 그 시간대의 이벤트가 이미 지워졌으면 시간대의 시작
WITH RECURSIVE
-- with: bounds
-- with: counted
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: counted_for_user
-- with: failed_series
totals AS (
    SELECT
        coalesce(sum(c.events), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'timeout'), 0) AS timeouts,
        count(DISTINCT f.error_type) AS error_types
    FROM counted_for_user c JOIN failed_series f ON f.series_key = c.series_key
),
everything AS (
    SELECT coalesce(sum(c.events), 0) AS events
    FROM counted_for_user c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
      AND (:event_type = '' OR substr(s.event_type, 1, length(:event_type)) = :event_type)
      AND (:tool = '' OR s.tool_name = :tool)
),
-- Of two hours: the errors of the last one may all lie beyond the end of the range.
last_hours AS (
    SELECT h.hour
    FROM rollup_hour h
    WHERE :user = ''
      AND h.hour >= (SELECT from_hour FROM bounds) AND h.hour < (SELECT to_hour FROM bounds)
      AND h.series_key + 0 IN (SELECT series_key FROM failed_series)
    GROUP BY h.hour
    ORDER BY h.hour DESC
    LIMIT 2
),
last_errors AS (
    SELECT coalesce(
        (SELECT e.time FROM events e
         WHERE e.time >= l.hour * 3600000000000 AND e.time < (l.hour + 1) * 3600000000000
           AND e.time >= :from_ns AND e.time < :to_ns
           AND e.series_key + 0 IN (SELECT series_key FROM failed_series)
         ORDER BY e.time DESC LIMIT 1),
        CASE WHEN (l.hour + 1) * 3600000000000 <= (SELECT min(time) FROM events)
             THEN l.hour * 3600000000000 END
    ) AS time
    FROM last_hours l
    UNION ALL
    SELECT time FROM user_events WHERE series_key IN (SELECT series_key FROM failed_series)
)
SELECT
    t.errors AS errors,
    t.timeouts AS timeouts,
    t.errors * 1.0 / nullif(e.events, 0) AS error_rate,
    t.error_types AS error_types,
    e.events AS events,
    (SELECT max(time) FROM last_errors) AS last_error
FROM totals t CROSS JOIN everything e
