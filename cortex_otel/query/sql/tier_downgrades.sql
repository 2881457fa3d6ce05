-- title: Downgrades
-- about: Users who went from a tier that pays to one that doesn't in the range, latest first: each such
--   step, also of who came back later. By the tiers that their events had, day by day (UTC): within
--   a day, by the first and last event of either kind. It happened at the first event that didn't
--   pay, where none that paid came after it on that day, else at the last that paid.
-- since: 90d
-- limit: 1000
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- column: user_id_hash text the user, hashed
-- column: from_tier free|trial|paid|enterprise the tier that paid
-- column: to_tier free|trial|paid|enterprise the tier after it
-- column: last_paid unix_ns the last event that paid
-- column: downgraded unix_ns the first event that did not pay, after it
-- column: paid_again unix_ns the next event that paid; null if there was none by the end of the range
WITH
-- with: paying_tiers
kinds AS (
    SELECT
        segment_key, user_tier,
        CASE WHEN user_tier IN (SELECT user_tier FROM paying_tiers) THEN 1 ELSE 0 END AS pays
    FROM segments
    WHERE user_tier <> '' AND (:service = '' OR service = :service)
),
changed AS (
    SELECT user_key
    FROM user_tiers
    WHERE user_tier <> ''
    GROUP BY user_key
    HAVING count(DISTINCT CASE WHEN user_tier IN (SELECT user_tier FROM paying_tiers)
                               THEN 1 ELSE 0 END) = 2
),
-- Each day of each kind, by its first and its last event; in the order of events, as far as these tell.
ends AS (
    SELECT u.user_key, u.day, k.pays, k.user_tier, u.first_time AS time
    FROM rollup_user_day u JOIN kinds k ON k.segment_key = u.segment_key
    WHERE u.user_key IN (SELECT user_key FROM changed)
      AND u.day <= (:to_ns - 1) / 86400000000000
    UNION ALL
    SELECT u.user_key, u.day, k.pays, k.user_tier, u.last_time
    FROM rollup_user_day u JOIN kinds k ON k.segment_key = u.segment_key
    WHERE u.user_key IN (SELECT user_key FROM changed)
      AND u.day <= (:to_ns - 1) / 86400000000000 AND u.last_time > u.first_time
),
steps AS (
    SELECT
        user_key, pays, user_tier, time,
        lag(pays) OVER w AS paid_before,
        lag(user_tier) OVER w AS tier_before,
        lag(time) OVER w AS time_before
    FROM ends
    WHERE time < :to_ns
    WINDOW w AS (PARTITION BY user_key ORDER BY time, pays DESC, user_tier)
),
turns AS (
    SELECT
        user_key, pays, user_tier, time, tier_before, time_before,
        lead(time) OVER (PARTITION BY user_key ORDER BY time, pays DESC) AS next_turn
    FROM steps
    WHERE pays <> paid_before
)
SELECT
    u.user_id_hash AS user_id_hash,
    t.tier_before AS from_tier,
    t.user_tier AS to_tier,
    t.time_before AS last_paid,
    t.time AS downgraded,
    t.next_turn AS paid_again
FROM turns t JOIN users u ON u.user_key = t.user_key
WHERE t.pays = 0 AND t.time >= :from_ns
ORDER BY t.time DESC, u.user_id_hash
