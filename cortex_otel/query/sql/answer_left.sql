-- title: Who left
-- about: Users who were active in the week before the last whole week of the range and not in that one,
--   as the question lifecycle counts them.
-- since: 28d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: week epoch_day the Monday of the week
-- column: dormant_users count active the week before, not in this one
-- column: active_before count distinct active users of the week before
-- column: new_users count active for the first time
WITH
-- asks: lifecycle
compared AS (
    SELECT *, lag(active_users) OVER (ORDER BY week) AS active_before
    FROM lifecycle
    WHERE partial = 0
)
SELECT
    week AS week,
    dormant_users AS dormant_users,
    active_before AS active_before,
    new_users AS new_users
FROM (SELECT * FROM compared ORDER BY week DESC LIMIT 1) AS last_week
WHERE active_before > 0
