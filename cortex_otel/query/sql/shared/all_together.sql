-- All users, in one group.
user_groups AS (
    SELECT user_key, '' AS breakdown FROM users
)
