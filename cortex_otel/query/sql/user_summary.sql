-- title: Users at a glance
-- about: Users who were active in the range, how many of them were new, and their sessions. A new user had no product event before, in any service or tier.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: active_users count distinct users
-- column: new_users count of these, with their first product event in the range
-- column: sessions count sessions that overlap the range
-- column: avg_session_ms ms their mean length; null without sessions
-- column: sessions_per_user count sessions of known users / users with a session
-- column: error_users count distinct users with a failed event
WITH
-- with: range_span
-- with: present
-- with: user_rows
-- with: first_events
-- with: sessions_in_range
people AS (
    SELECT DISTINCT user_key FROM present
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
    (SELECT count(DISTINCT user_key) FROM user_rows WHERE errors > 0) AS error_users
FROM sittings n
