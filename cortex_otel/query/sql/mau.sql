-- title: Monthly active users
-- about: Distinct users who were active in the 30 calendar days that end on each day. Marked as
--   partial where the day isn't over or fewer than 30 days were recorded.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the last of the 30 calendar days
-- column: users count distinct active users
-- column: partial flag 1 if the 30 days are not all recorded or not over
WITH RECURSIVE
-- with: local_days
wanted_days AS (
    SELECT from_day - 29 AS from_day, to_day FROM local_days
),
-- with: zone_days
spans AS (
    SELECT day, from_time, to_time FROM zone_days
),
-- with: present
active_days AS MATERIALIZED (
    SELECT DISTINCT day, user_key FROM present
),
days_asked AS (
    SELECT z.day, z.to_time FROM zone_days z JOIN local_days l ON z.day >= l.from_day
),
-- with: monthly_users
SELECT
    m.day AS day,
    m.users AS users,
    CASE WHEN d.to_time > :to_ns OR m.day - 29 < (SELECT first_day FROM local_days)
         THEN 1 ELSE 0 END AS partial
FROM monthly_users m JOIN days_asked d ON d.day = m.day
ORDER BY m.day
