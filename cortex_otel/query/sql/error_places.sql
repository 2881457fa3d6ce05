-- title: Where it fails
-- title.ko: 오류가 나는 곳
-- about: Failures by event type and tool, with the share of all such events that failed. Of whole
--   hours.
-- about.ko: 이벤트 유형과 도구별 실패 수, 그리고 같은 이벤트 중 실패한 비율입니다. 온전한 시간
--   단위입니다.
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
-- column: event_type text the event type
-- column.ko: event_type 이벤트 유형
-- column: tool_name text the tool, if it was a tool call
-- column.ko: tool_name 도구(도구 호출인 경우)
-- column: errors count events that failed or timed out, weighted by sampling
-- column.ko: errors 실패하거나 시간 초과된 이벤트(샘플링 보정)
-- column: timeouts count of these, timed out
-- column.ko: timeouts 그중 시간 초과된 것
-- column: events count all events of that type and tool
-- column.ko: events 해당 유형과 도구의 모든 이벤트
-- column: error_rate ratio errors / events
-- column.ko: error_rate 오류 / 이벤트
WITH RECURSIVE
-- with: bounds
-- with: counted
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: counted_for_user
-- with: failed_series
failures AS (
    SELECT
        f.event_type, f.tool_name,
        sum(c.events) AS errors,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'timeout'), 0) AS timeouts
    FROM counted_for_user c JOIN failed_series f ON f.series_key = c.series_key
    GROUP BY f.event_type, f.tool_name
),
totals AS (
    SELECT s.event_type, s.tool_name, sum(c.events) AS events
    FROM counted_for_user c JOIN series s ON s.series_key = c.series_key
    WHERE (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
    GROUP BY s.event_type, s.tool_name
)
SELECT
    f.event_type AS event_type,
    nullif(f.tool_name, '') AS tool_name,
    f.errors AS errors,
    f.timeouts AS timeouts,
    t.events AS events,
    f.errors * 1.0 / nullif(t.events, 0) AS error_rate
FROM failures f JOIN totals t ON t.event_type = f.event_type AND t.tool_name = f.tool_name
ORDER BY f.errors DESC, f.event_type, f.tool_name
