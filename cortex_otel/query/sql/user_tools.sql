-- title: What the user uses
-- title.ko: 사용자가 쓰는 기능
-- about: Tools, elements and other features that one user used in the range, most used first.
-- about.ko: 한 사용자가 기간에 쓴 도구, 요소, 기능이며, 많이 쓴 것부터 표시합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: user text '' the user hash, or its beginning; empty for nobody
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 아무도 없음
-- column: event_type text the event type
-- column.ko: event_type 이벤트 유형
-- column: feature text the tool, element or category; null where the event type says it all
-- column.ko: feature 도구, 요소, 범주. 이벤트 유형으로 충분하면 비어 있음
-- column: events count how often, weighted by sampling
-- column.ko: events 횟수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / events
-- column.ko: error_rate 오류 / 이벤트
-- column: avg_ms ms mean duration of those that have one
-- column.ko: avg_ms 소요 시간이 있는 이벤트의 평균
-- column: last_used unix_ns the last time
-- column.ko: last_used 마지막으로 쓴 때
WITH RECURSIVE
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- By series first: numbers are sorted in place of text.
used AS (
    SELECT
        series_key,
        sum(weight) AS events,
        sum(weight) FILTER (WHERE duration IS NOT NULL) AS timed,
        sum(weight * duration / 1e6) AS duration_ms,
        max(time) AS last_used
    FROM user_events
    GROUP BY series_key
)
SELECT
    s.event_type AS event_type,
    nullif(s.feature, '') AS feature,
    sum(u.events) AS events,
    coalesce(sum(u.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
    coalesce(sum(u.events) FILTER (WHERE s.is_failed = 1), 0) / sum(u.events)
        AS error_rate,
    sum(u.duration_ms) / sum(u.timed) AS avg_ms,
    max(u.last_used) AS last_used
FROM used u JOIN series s ON s.series_key = u.series_key
GROUP BY s.event_type, s.feature
ORDER BY sum(u.events) DESC, s.event_type, s.feature
