-- The first active event of each user, in any service or tier. users.first_seen won't do: it is of any
-- span, and on that day there may be nothing that counts.
first_events AS (
    SELECT user_key, first_active AS first_seen FROM users WHERE first_active IS NOT NULL
)
