-- title: The user at a glance
-- about: What one user did in the range, from the events themselves. With the beginning of a hash,
--   all users whose hash begins with it.
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: user text '' the user hash, or its beginning; empty for nobody
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
-- column: rated count events of those types: n of the rate
-- column: active_days count calendar days on which they were active
-- column: tools count distinct tools called
-- column: sessions count sessions that overlap the range
-- column: avg_session_ms ms their mean length; null without sessions
-- column: first_seen unix_ns when they were first seen
-- column: last_active unix_ns the last product event in the range
-- column: user_tier free|trial|paid|enterprise the tier of that event
WITH RECURSIVE
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: zone_offsets
-- with: sessions_in_range
chosen AS (
    SELECT
        e.time, e.weight, s.is_failed, s.in_error_rate, s.is_active, s.tool_name, s.user_tier,
        (e.time + z.offset_ns) / 86400000000000 AS day
    FROM user_events e
    CROSS JOIN zone_offsets z
    JOIN series s ON s.series_key = e.series_key
    WHERE z.since <= e.time AND e.time < z.until
),
totals AS (
    SELECT
        sum(weight) AS events,
        coalesce(sum(weight) FILTER (WHERE is_failed = 1), 0) AS errors,
        sum(weight * in_error_rate) AS rated,
        sum(weight * in_error_rate * is_failed) AS rated_errors,
        count(DISTINCT day) FILTER (WHERE is_active = 1) AS active_days,
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
    t.rated_errors / nullif(t.rated, 0) AS error_rate,
    coalesce(t.rated, 0) AS rated,
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
