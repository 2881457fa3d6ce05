-- title: New users per day
-- about: Users by the calendar day of their first product event, in any service or tier. For one
--   service or tier: those who were active in it on the day they first came. A day without any is 0.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the calendar day
-- column: new_users count users whose first product event was on it
-- column: partial flag 1 if the range ends before the day does
WITH RECURSIVE
-- with: days
spans AS (
    SELECT day, from_time, to_time FROM days WHERE :service <> '' OR :user_tier <> ''
),
-- with: present
-- with: first_events
newcomers AS (
    SELECT u.user_key, (u.first_seen + z.offset_ns) / 86400000000000 AS day
    FROM first_events u CROSS JOIN zone_offsets z
    WHERE z.since <= u.first_seen AND u.first_seen < z.until
      AND u.first_seen >= (SELECT min(from_time) FROM days)
      AND u.first_seen < (SELECT max(to_time) FROM days)
),
counted AS (
    SELECT day, count(*) AS users
    FROM newcomers
    WHERE :service = '' AND :user_tier = ''
    GROUP BY day
    UNION ALL
    SELECT n.day, count(*)
    FROM newcomers n JOIN (SELECT DISTINCT day, user_key FROM present) p
        ON p.user_key = n.user_key AND p.day = n.day
    GROUP BY n.day
)
SELECT
    d.day AS day,
    coalesce(n.users, 0) AS new_users,
    1 - d.is_over AS partial
FROM days d LEFT JOIN counted n ON n.day = d.day
ORDER BY d.day
