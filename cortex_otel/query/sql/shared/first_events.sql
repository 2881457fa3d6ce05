-- The first product event of each user, in any service or tier. users.first_seen won't do: it is of any
-- span, and on that day there may be nothing that counts.
first_events AS (
    SELECT user_key, min(first_seen) AS first_seen FROM user_tiers GROUP BY user_key
)
