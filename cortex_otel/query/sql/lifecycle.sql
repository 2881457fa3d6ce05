-- title: Lifecycle by week
-- about: Active users of each week (Monday to Sunday) that the range touches: new in their first week
--   ever, returning if they were active the week before too, resurrected if they come back after a
--   week or more without. Dormant: active the week before, and not in this one; unknown as long as
--   the week isn't over. Service and tier say which activity is looked at, also for what is first.
-- since: 84d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: week epoch_day the Monday of the week
-- column: active_users count distinct active users: new, returning and resurrected
-- column: new_users count active for the first time
-- column: returning_users count active the week before too
-- column: resurrected_users count active before, but not the week before
-- column: dormant_users count active the week before, not in this one; null if it isn't over
-- column: partial flag 1 if the range ends before the week does
WITH RECURSIVE
-- with: local_days
wanted_days AS (
    SELECT (first_day + 3) / 7 * 7 - 3 AS from_day, (to_day + 2) / 7 * 7 + 4 AS to_day FROM local_days
),
-- with: calendar_weeks
spans AS (
    SELECT week AS day, from_time, to_time FROM weeks
),
-- with: present
neighbours AS (
    SELECT
        week,
        lag(week) OVER (PARTITION BY user_key ORDER BY week) AS week_before,
        lead(week) OVER (PARTITION BY user_key ORDER BY week) AS week_after
    FROM (SELECT DISTINCT user_key, day AS week FROM present) AS once
),
counted AS (
    SELECT
        week,
        count(*) AS active_users,
        count(*) FILTER (WHERE week_before IS NULL) AS new_users,
        count(*) FILTER (WHERE week_before = week - 1) AS returning_users,
        count(*) FILTER (WHERE week_before < week - 1) AS resurrected_users,
        count(*) FILTER (WHERE week_after IS NULL OR week_after > week + 1) AS not_after
    FROM neighbours
    GROUP BY week
)
SELECT
    w.week * 7 - 3 AS week,
    coalesce(c.active_users, 0) AS active_users,
    coalesce(c.new_users, 0) AS new_users,
    coalesce(c.returning_users, 0) AS returning_users,
    coalesce(c.resurrected_users, 0) AS resurrected_users,
    CASE WHEN w.partial = 0 THEN coalesce(b.not_after, 0) END AS dormant_users,
    w.partial AS partial
FROM local_days l
JOIN weeks w ON w.week >= (l.from_day + 3) / 7
LEFT JOIN counted c ON c.week = w.week
LEFT JOIN counted b ON b.week = w.week - 1
ORDER BY w.week
