-- title: Daily active users
-- about: Distinct users with a product event on each calendar day, exact in time zones of whole
--   half hours. A day without any is 0; a day that isn't over is marked.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column: users count distinct active users
-- column: partial flag 1 if the range ends before the day does
WITH RECURSIVE
-- with: chosen_segments
-- with: recorded
-- with: local_range
-- with: local_days
scanned AS (
    SELECT from_day - 1 AS from_day, to_day + 1 AS to_day FROM local_days
),
-- with: active_days
counted AS (
    SELECT day, count(*) AS users
    FROM (SELECT DISTINCT day, user_key FROM active_days) AS once
    GROUP BY day
)
SELECT
    d.day AS day,
    coalesce(c.users, 0) AS users,
    CASE WHEN (d.day + 1) * 1440 > (SELECT to_minute FROM local_range) THEN 1 ELSE 0 END AS partial
FROM days d LEFT JOIN counted c ON c.day = d.day
ORDER BY d.day
