-- title: The user in short
-- title.ko: 사용자 한눈에
-- about: What one user did in the range, from the events themselves. With the beginning of a hash,
--   all users whose hash begins so.
-- about.ko: 한 사용자가 기간에 한 일을 이벤트에서 직접 계산합니다. 해시의 앞부분이면 그렇게
--   시작하는 모든 사용자입니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- parameter: user text '' the user hash, or its beginning; empty for nobody
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 아무도 없음
-- column: events count product events, weighted by sampling
-- column.ko: events 제품 이벤트 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / events
-- column.ko: error_rate 오류 / 이벤트
-- column: active_days count calendar days with an event
-- column.ko: active_days 이벤트가 있는 날 수
-- column: tools count distinct tools called
-- column.ko: tools 호출된 서로 다른 도구 수
-- column: sessions count sessions that overlap the range
-- column.ko: sessions 기간과 겹치는 세션 수
-- column: avg_session_ms ms their mean length; null without sessions
-- column.ko: avg_session_ms 평균 길이. 세션이 없으면 비어 있음
-- column: first_seen unix_ns when they were seen first of all
-- column.ko: first_seen 처음으로 기록된 때
-- column: last_active unix_ns the last product event in the range
-- column.ko: last_active 기간의 마지막 제품 이벤트
-- column: user_tier text the tier of that event
-- column.ko: user_tier 그 이벤트의 등급
WITH RECURSIVE
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: sessions_in_range
chosen AS (
    SELECT e.time, e.weight, s.is_failed, s.tool_name, s.user_tier
    FROM user_events e JOIN series s ON s.series_key = e.series_key
),
totals AS (
    SELECT
        sum(weight) AS events,
        coalesce(sum(weight) FILTER (WHERE is_failed = 1), 0) AS errors,
        count(DISTINCT (time / 60000000000 + :utc_offset_minutes) / 1440) AS active_days,
        count(DISTINCT nullif(tool_name, '')) AS tools,
        max(time) AS last_active
    FROM chosen
),
sittings AS (
    SELECT count(*) AS sessions, avg((n.end_time - n.start_time) / 1e6) AS avg_session_ms
    FROM sessions_in_range n JOIN segments g ON g.segment_key = n.segment_key
    WHERE n.user_key IN (SELECT user_key FROM chosen_users)
      AND (:service = '' OR g.service = :service)
      AND (:user_tier = '' OR g.user_tier = :user_tier)
)
SELECT
    t.events AS events,
    t.errors AS errors,
    t.errors / nullif(t.events, 0) AS error_rate,
    t.active_days AS active_days,
    t.tools AS tools,
    n.sessions AS sessions,
    n.avg_session_ms AS avg_session_ms,
    (SELECT min(first_seen) FROM users WHERE user_key IN (SELECT user_key FROM chosen_users))
        AS first_seen,
    t.last_active AS last_active,
    (SELECT min(user_tier) FROM chosen WHERE time = t.last_active) AS user_tier
FROM totals t CROSS JOIN sittings n
WHERE t.events IS NOT NULL
