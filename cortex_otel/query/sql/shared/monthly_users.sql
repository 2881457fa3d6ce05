-- Distinct users in the 30 local days that end on each of days_asked; needs that, and active_days (day,
-- user_key), from 29 days before the first of them on.
-- An active day counts for 30 days from it on. Where the next one comes later than that, or never, the
-- user is gone in between. Everybody was last active on day -1000: so the first active day ends such a
-- gap too.
spells AS (
    SELECT day, lead(day) OVER (PARTITION BY user_key ORDER BY day) AS next_day
    FROM (
        SELECT day, user_key FROM active_days
        UNION
        SELECT -1000, user_key FROM users
    ) AS once
),
gaps AS (
    SELECT day, next_day FROM spells WHERE next_day IS NULL OR next_day > day + 30
),
-- The users of a day are all who came until then, less all who left.
changes AS (
    SELECT day, 0 AS users, 1 AS is_asked FROM days_asked
    UNION ALL
    SELECT changed, sum(users), 0
    FROM (
        SELECT
            CASE WHEN n.users = 1 THEN g.next_day WHEN g.day > -1000 THEN g.day + 30 END AS changed,
            n.users
        FROM gaps g CROSS JOIN (SELECT 1 AS users UNION ALL SELECT -1) AS n
    ) AS all_changes
    WHERE changed IS NOT NULL
    GROUP BY changed
),
running AS (
    SELECT
        day, is_asked,
        sum(users) OVER (ORDER BY day, is_asked ROWS UNBOUNDED PRECEDING) AS users
    FROM changes
),
monthly_users AS (
    SELECT day, users FROM running WHERE is_asked = 1
)
