-- title: Daily active users by tier
-- about: Distinct users who were active on each calendar day that the range touches, by the tier they
--   were active in; all of the day counts. Who changes the tier counts in both on that day. A day
--   without any of a tier is 0; a day that isn't over is marked.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the calendar day
-- column: user_tier text the tier
-- column: users count distinct active users
-- column: partial flag 1 if the range ends before the day does
WITH RECURSIVE
-- with: days
spans AS (
    SELECT day, from_time, to_time FROM days
),
-- with: present
counted AS (
    SELECT p.day, g.user_tier, count(DISTINCT p.user_key) AS users
    FROM present p JOIN segments g ON g.segment_key = p.segment_key
    GROUP BY p.day, g.user_tier
)
SELECT
    d.day AS day,
    t.user_tier AS user_tier,
    coalesce(c.users, 0) AS users,
    1 - d.is_over AS partial
FROM days d
CROSS JOIN (SELECT DISTINCT user_tier FROM counted) AS t
LEFT JOIN counted c ON c.day = d.day AND c.user_tier = t.user_tier
ORDER BY d.day, t.user_tier
