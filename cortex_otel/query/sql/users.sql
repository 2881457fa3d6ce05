-- title: Users
-- about: Users with a product event in the range widened to half hours, last active first. What
--   they did is counted over the whole UTC days of these events, in their services and tiers.
--   Search by the beginning of the hash.
-- cursor: last_active before_ns, user_id_hash before_user
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter: before_ns integer 0 only those last active before this, Unix ns; 0 for all
-- parameter: before_user text '' and of those last active at that very time, only hashes after this
-- column: user_id_hash text the user, hashed
-- column: user_tier text the tier they had last on those days
-- column: first_seen unix_ns when they were first seen, in any service or tier
-- column: last_active unix_ns the last product event on those days
-- column: active_days count UTC days with an event in the range
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
WITH
-- with: chosen_segments
-- with: active_rows
people AS (
    SELECT
        a.user_key,
        max(a.last_time) AS last_active,
        count(DISTINCT a.day) AS active_days,
        sum(a.events) AS events,
        sum(a.errors) AS errors,
        sum(a.events - coalesce(x.unrated, 0)) AS rated,
        sum(a.errors - coalesce(x.unrated_errors, 0)) AS rated_errors
    FROM active_rows a
    LEFT JOIN rollup_user_aside x
        ON x.day = a.day AND x.user_key = a.user_key AND x.segment_key = a.segment_key
    WHERE :user = '' OR a.user_key IN (
        SELECT user_key FROM users WHERE substr(user_id_hash, 1, length(:user)) = :user
    )
    GROUP BY a.user_key
),
last_tiers AS (
    SELECT
        a.user_key, g.user_tier,
        row_number() OVER (PARTITION BY a.user_key ORDER BY a.last_time DESC, g.user_tier) AS place
    FROM active_rows a JOIN chosen_segments g ON g.segment_key = a.segment_key
)
SELECT
    u.user_id_hash AS user_id_hash,
    t.user_tier AS user_tier,
    u.first_seen AS first_seen,
    p.last_active AS last_active,
    p.active_days AS active_days,
    p.events AS events,
    p.errors AS errors,
    p.rated_errors * 1.0 / nullif(p.rated, 0) AS error_rate
FROM people p
JOIN users u ON u.user_key = p.user_key
JOIN last_tiers t ON t.user_key = p.user_key AND t.place = 1
WHERE :before_ns = 0 OR p.last_active < :before_ns
   OR (p.last_active = :before_ns AND u.user_id_hash > :before_user)
ORDER BY p.last_active DESC, u.user_id_hash
