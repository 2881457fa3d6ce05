-- title: Weekly retention
-- about: Of the users whose first event ever fell into a calendar week (Monday to Sunday), how many
--   had an event in the k-th week after it. Only complete weeks: a cell whose week isn't over is
--   null, and so is a cohort whose own week isn't over.
-- since: 84d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: cohort epoch_day the Monday of the week of their first event
-- column: week count weeks after that; 0 is that week itself
-- column: cohort_users count distinct users of the cohort
-- column: active_users count of these, active in that week; null if it isn't over
-- column: retention ratio active_users / cohort_users; null if the week isn't over
WITH RECURSIVE
-- with: local_days
wanted_days AS (
    SELECT first_day AS from_day, to_day FROM local_days
),
-- with: zone_days
spans AS (
    SELECT day, from_time, to_time FROM zone_days
),
-- with: present
-- 1970-01-01 was a Thursday: with 3 days added, weeks start on Monday.
weeks AS (
    SELECT (from_day + 3) / 7 AS from_week, (next_day + 3) / 7 AS last_week FROM local_days
),
active_weeks AS (
    SELECT week, min(week) OVER (PARTITION BY user_key) AS cohort
    FROM (SELECT DISTINCT user_key, (day + 3) / 7 AS week FROM present) AS once
),
counted AS (
    SELECT cohort, week - cohort AS week, count(*) AS users
    FROM active_weeks
    GROUP BY cohort, week - cohort
),
cells AS (
    SELECT c.cohort, c.users, 0 AS week
    FROM weeks w JOIN counted c ON c.cohort >= w.from_week AND c.cohort <= w.last_week
    WHERE c.week = 0
    UNION ALL
    SELECT c.cohort, c.users, c.week + 1
    FROM cells c CROSS JOIN weeks w
    WHERE c.cohort + c.week + 1 <= w.last_week
)
SELECT
    c.cohort * 7 - 3 AS cohort,
    c.week AS week,
    c.users AS cohort_users,
    CASE WHEN c.cohort + c.week < w.last_week THEN coalesce(n.users, 0) END AS active_users,
    CASE WHEN c.cohort + c.week < w.last_week
         THEN coalesce(n.users, 0) * 1.0 / nullif(c.users, 0) END AS retention
FROM cells c
CROSS JOIN weeks w
LEFT JOIN counted n ON n.cohort = c.cohort AND n.week = c.week
ORDER BY c.cohort, c.week
