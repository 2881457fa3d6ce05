-- title: Daily active users
-- about: Distinct users who were active on each calendar day that the range touches; all of the day
--   counts. A day without any is 0; a day that isn't over is marked. By tier or service, a user counts
--   in each one in which they were active that day.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: breakdown tier|service '' a row for each tier or service; empty for one of all
-- column: day epoch_day the calendar day
-- column: users count distinct active users
-- column: partial flag 1 if the range ends before the day does
-- column: breakdown text the tier or service; empty without a breakdown
WITH RECURSIVE
-- with: days
spans AS (
    SELECT day, from_time, to_time FROM days
),
-- with: present
counted AS (
    SELECT day, value, count(*) AS users
    FROM (
        SELECT DISTINCT
            p.day, p.user_key,
            CASE :breakdown WHEN 'tier' THEN g.user_tier WHEN 'service' THEN g.service ELSE '' END AS value
        FROM present p JOIN chosen_segments g ON g.segment_key = p.segment_key
    ) AS once
    GROUP BY day, value
),
shown AS (
    SELECT value FROM counted
    UNION
    SELECT '' WHERE :breakdown = ''
)
SELECT
    d.day AS day,
    coalesce(c.users, 0) AS users,
    1 - d.is_over AS partial,
    s.value AS breakdown
FROM days d
CROSS JOIN shown s
LEFT JOIN counted c ON c.day = d.day AND c.value = s.value
ORDER BY d.day, s.value
