-- title: Daily active users
-- about: Distinct users who were active on each calendar day that the range touches; all of the day
--   counts. A day without any is 0; a day that isn't over is marked.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the calendar day
-- column: users count distinct active users
-- column: partial flag 1 if the range ends before the day does
WITH RECURSIVE
-- with: days
spans AS (
    SELECT day, from_time, to_time FROM days
),
-- with: present
counted AS (
    SELECT day, count(*) AS users
    FROM (SELECT DISTINCT day, user_key FROM present) AS once
    GROUP BY day
)
SELECT
    d.day AS day,
    coalesce(c.users, 0) AS users,
    1 - d.is_over AS partial
FROM days d LEFT JOIN counted c ON c.day = d.day
ORDER BY d.day
