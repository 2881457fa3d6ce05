-- title: Users in short
-- title.ko: 사용자 요약
-- about: Users with a product event in the range widened to half hours, how many of them were new,
--   and their sessions. New is who had no product event before, in any service or tier.
-- about.ko: 30분 단위로 넓힌 기간에 제품 이벤트가 있는 사용자, 그중 신규 사용자, 그리고 세션입니다.
--   신규는 그전에 어떤 서비스나 등급으로도 제품 이벤트가 없던 사용자입니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: active_users count distinct users
-- column.ko: active_users 서로 다른 사용자 수
-- column: new_users count of these, with their first product event in the range
-- column.ko: new_users 그중 첫 제품 이벤트가 기간에 있는 사용자
-- column: sessions count sessions that overlap the range
-- column.ko: sessions 기간과 겹치는 세션 수
-- column: avg_session_ms ms their mean length; null without sessions
-- column.ko: avg_session_ms 평균 길이. 세션이 없으면 비어 있음
-- column: sessions_per_user count sessions of known users / users with a session
-- column.ko: sessions_per_user 알려진 사용자의 세션 / 세션이 있는 사용자
-- column: error_users count distinct users with a failed event; of whole UTC days
-- column.ko: error_users 실패한 이벤트가 있는 사용자 수(UTC 하루 단위)
WITH
-- with: chosen_segments
-- with: active_rows
-- with: first_events
-- with: sessions_in_range
people AS (
    SELECT user_key, sum(errors) AS errors FROM active_rows GROUP BY user_key
),
sittings AS (
    SELECT
        count(*) AS sessions,
        avg((n.end_time - n.start_time) / 1e6) AS avg_session_ms,
        count(n.user_key) * 1.0 / nullif(count(DISTINCT n.user_key), 0) AS sessions_per_user
    FROM sessions_in_range n
    WHERE n.segment_key IN (SELECT segment_key FROM chosen_segments)
)
SELECT
    (SELECT count(*) FROM people) AS active_users,
    (SELECT count(*) FROM people p JOIN first_events u ON u.user_key = p.user_key
     WHERE u.first_seen >= :from_ns AND u.first_seen < :to_ns) AS new_users,
    n.sessions AS sessions,
    n.avg_session_ms AS avg_session_ms,
    n.sessions_per_user AS sessions_per_user,
    (SELECT count(*) FROM people WHERE errors > 0) AS error_users
FROM sittings n
