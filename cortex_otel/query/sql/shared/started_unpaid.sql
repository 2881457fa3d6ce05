-- Users who did not pay at first sight, first seen in the range: in the tier :from_tier, or in any that
-- does not pay. Of two tiers first seen at the same instant the lower one came first.
-- with: known_tiers
-- with: paying_tiers
first_tiers AS (
    SELECT
        t.user_key, t.user_tier, t.first_seen,
        row_number() OVER (PARTITION BY t.user_key ORDER BY t.first_seen, k.tier_rank) AS place
    FROM user_tiers t JOIN known_tiers k ON k.user_tier = t.user_tier
),
started AS (
    SELECT f.user_key, f.user_tier, f.first_seen
    FROM first_tiers f
    WHERE f.place = 1
      AND f.user_tier NOT IN (SELECT user_tier FROM paying_tiers)
      AND (:from_tier = '' OR f.user_tier = :from_tier)
      AND f.first_seen >= :from_ns AND f.first_seen < :to_ns
      AND (:service = '' OR f.user_key IN (
        SELECT d.user_key FROM rollup_user_day d JOIN segments g ON g.segment_key = d.segment_key
        WHERE g.service = :service
      ))
),
first_payments AS (
    SELECT user_key, min(first_seen) AS first_paid
    FROM user_tiers WHERE user_tier IN (SELECT user_tier FROM paying_tiers)
    GROUP BY user_key
)
