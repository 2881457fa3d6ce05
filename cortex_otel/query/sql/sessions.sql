-- title: Latest sessions
-- title.ko: 최근 세션
-- about: Sittings of one user in one service that overlap the range, last active first.
-- about.ko: 기간과 겹치는 세션(한 사용자가 한 서비스를 이어서 쓴 것)이며, 마지막에 활동한 것부터
--   표시합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 전체
-- column: session_id text the session
-- column.ko: session_id 세션
-- column: user_id_hash text the user, hashed; null if unknown
-- column.ko: user_id_hash 사용자(해시). 모르면 비어 있음
-- column: service text the service
-- column.ko: service 서비스
-- column: user_tier text the tier the user had last
-- column.ko: user_tier 사용자의 마지막 등급
-- column: start_time unix_ns the first event
-- column.ko: start_time 첫 이벤트
-- column: end_time unix_ns the end of the last event
-- column.ko: end_time 마지막 이벤트의 끝
-- column: duration_ms ms from start to end
-- column.ko: duration_ms 시작부터 끝까지
-- column: events count product events, weighted by sampling, rounded
-- column.ko: events 제품 이벤트 수(샘플링 보정, 반올림)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: ide text the editor, if known
-- column.ko: ide 편집기(알려진 경우)
-- column: os text the operating system, if known
-- column.ko: os 운영 체제(알려진 경우)
WITH
-- with: sessions_in_range
SELECT
    n.session_id AS session_id,
    u.user_id_hash AS user_id_hash,
    g.service AS service,
    g.user_tier AS user_tier,
    n.start_time AS start_time,
    n.end_time AS end_time,
    (n.end_time - n.start_time) / 1e6 AS duration_ms,
    CAST(round(n.events) AS bigint) AS events,
    CAST(round(n.errors) AS bigint) AS errors,
    nullif(p.ide, '') AS ide,
    nullif(p.os, '') AS os
FROM sessions_in_range n
JOIN segments g ON g.segment_key = n.segment_key
JOIN platforms p ON p.platform_key = n.platform_key
LEFT JOIN users u ON u.user_key = n.user_key
WHERE (:service = '' OR g.service = :service)
  AND (:user_tier = '' OR g.user_tier = :user_tier)
  AND (:user = '' OR n.user_key IN (
    SELECT user_key FROM users WHERE substr(user_id_hash, 1, length(:user)) = :user
  ))
ORDER BY n.end_time DESC, n.session_key DESC
