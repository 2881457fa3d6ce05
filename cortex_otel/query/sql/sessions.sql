-- title: Latest sessions
-- about: Sessions of one user in one service that overlap the range, last active first.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- column: session_id text the session
-- column: user_id_hash text the user, hashed; null if unknown
-- column: service text the service
-- column: user_tier free|trial|paid|enterprise the tier the user had last
-- column: start_time unix_ns the first event
-- column: end_time unix_ns the end of the last event
-- column: duration_ms ms from start to end
-- column: events count product events, weighted by sampling, rounded
-- column: errors count of these, failed or timed out
-- column: ide text the editor, if known
-- column: os text the operating system, if known
-- column: part count which part of what the client calls a session: it ends after half an hour
--   without an event, and after a day
WITH
-- with: sessions_in_range
SELECT
    c.session_id AS session_id,
    u.user_id_hash AS user_id_hash,
    g.service AS service,
    g.user_tier AS user_tier,
    n.start_time AS start_time,
    n.end_time AS end_time,
    (n.end_time - n.start_time) / 1e6 AS duration_ms,
    CAST(round(n.events) AS bigint) AS events,
    CAST(round(n.errors) AS bigint) AS errors,
    nullif(p.ide, '') AS ide,
    nullif(p.os, '') AS os,
    (SELECT count(*) FROM session_parts o
     WHERE o.session_key = n.session_key AND o.start_time <= n.start_time) AS part
FROM sessions_in_range n
JOIN sessions c ON c.session_key = n.session_key
JOIN segments g ON g.segment_key = n.segment_key
JOIN platforms p ON p.platform_key = c.platform_key
LEFT JOIN users u ON u.user_key = n.user_key
WHERE (:service = '' OR g.service = :service)
  AND (:user_tier = '' OR g.user_tier = :user_tier)
  AND (:user = '' OR n.user_key IN (
    SELECT user_key FROM users WHERE substr(user_id_hash, 1, length(:user)) = :user
  ))
ORDER BY n.end_time DESC, n.session_key DESC, n.start_time DESC
