-- title: Errors per hour
-- title.ko: 시간당 오류
-- about: Events that failed, and events that timed out, in each hour; an hour without any is 0.
-- about.ko: 시간대마다 실패한 이벤트와 시간 초과된 이벤트입니다. 없는 시간대는 0입니다.
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
-- column: time unix_ns start of the hour
-- column.ko: time 시간대의 시작
-- column: errors count events that failed, weighted by sampling; without those that timed out
-- column.ko: errors 실패한 이벤트(샘플링 보정). 시간 초과는 제외
-- column: timeouts count events that timed out
-- column.ko: timeouts 시간 초과된 이벤트
-- column: partial flag 1 if the range ends before the hour does
-- column.ko: partial 기간이 그 시간대 중간에 끝나면 1
WITH RECURSIVE
-- with: bounds
-- with: failed_series
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: hours
cells AS (
    -- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
    SELECT hour, series_key, events FROM rollup_hour
    WHERE :user = '' AND series_key + 0 IN (SELECT series_key FROM failed_series)
      AND hour >= (SELECT from_hour FROM bounds) AND hour < (SELECT to_hour FROM bounds)
    UNION ALL
    SELECT time / 3600000000000, series_key, weight FROM user_events
),
counted AS (
    SELECT
        c.hour,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'error'), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'timeout'), 0) AS timeouts
    FROM cells c
    JOIN failed_series f ON f.series_key = c.series_key
    GROUP BY c.hour
)
SELECT
    h.time AS time,
    coalesce(c.errors, 0) AS errors,
    coalesce(c.timeouts, 0) AS timeouts,
    h.partial AS partial
FROM timed_hours h LEFT JOIN counted c ON c.hour = h.hour
ORDER BY h.hour
