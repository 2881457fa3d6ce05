-- title: Users
-- about: Users who were active in the range, last active first, and what they did in it. Search by
--   the beginning of the hash.
-- cursor: last_active before_ns, user_id_hash before_user
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter: before_ns integer 0 only those last active before this, Unix ns; 0 for all
-- parameter: before_user text '' and of those last active at that very time, only hashes after this
-- column: user_id_hash text the user, hashed
-- column: user_tier free|trial|paid|enterprise the tier they had last in the range
-- column: first_seen unix_ns when they were first seen, in any service or tier
-- column: last_active unix_ns when they were last active in the range
-- column: active_days count calendar days on which they were active in the range
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
WITH RECURSIVE
-- with: range_days
-- with: present
-- with: user_rows
chosen_people AS MATERIALIZED (
    SELECT DISTINCT user_key FROM present
    WHERE :user = '' OR user_key IN (
        SELECT user_key FROM users WHERE substr(user_id_hash, 1, length(:user)) = :user
    )
),
by_segment AS (
    SELECT
        user_key, segment_key,
        max(last_active) AS last_active, sum(events) AS events, sum(errors) AS errors,
        sum(rated) AS rated, sum(rated_errors) AS rated_errors
    FROM user_rows
    WHERE user_key IN (SELECT user_key FROM chosen_people)
    GROUP BY user_key, segment_key
),
people AS (
    SELECT
        user_key,
        max(last_active) AS last_active,
        sum(events) AS events,
        sum(errors) AS errors,
        sum(rated) AS rated,
        sum(rated_errors) AS rated_errors
    FROM by_segment
    GROUP BY user_key
),
active AS (
    SELECT user_key, count(DISTINCT day) AS days FROM present GROUP BY user_key
),
last_tiers AS (
    SELECT
        b.user_key, g.user_tier,
        row_number() OVER (PARTITION BY b.user_key ORDER BY b.last_active DESC, g.user_tier) AS place
    FROM by_segment b JOIN chosen_segments g ON g.segment_key = b.segment_key
    WHERE b.last_active IS NOT NULL
)
SELECT
    u.user_id_hash AS user_id_hash,
    t.user_tier AS user_tier,
    u.first_seen AS first_seen,
    p.last_active AS last_active,
    a.days AS active_days,
    p.events AS events,
    p.errors AS errors,
    p.rated_errors * 1.0 / nullif(p.rated, 0) AS error_rate
FROM people p
JOIN users u ON u.user_key = p.user_key
JOIN active a ON a.user_key = p.user_key
JOIN last_tiers t ON t.user_key = p.user_key AND t.place = 1
WHERE :before_ns = 0 OR p.last_active < :before_ns
   OR (p.last_active = :before_ns AND u.user_id_hash > :before_user)
ORDER BY p.last_active DESC, u.user_id_hash
