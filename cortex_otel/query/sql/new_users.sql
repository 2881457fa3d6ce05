-- title: New users per day
-- about: Users by the calendar day of their first product event, in any service or tier. For one
--   service or tier: those who had an event of it on the UTC day they first came. A day without any
--   is 0.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column: new_users count users whose first product event was on it
-- column: partial flag 1 if the range ends before the day does
WITH RECURSIVE
-- with: chosen_segments
-- with: recorded
-- with: local_range
-- with: local_days
-- with: first_events
newcomers AS (
    SELECT (u.first_seen / 60000000000 + :utc_offset_minutes) / 1440 AS day, count(*) AS users
    FROM first_events u
    WHERE EXISTS (
        SELECT 1 FROM rollup_user_day d
        WHERE d.day = u.first_seen / 86400000000000 AND d.user_key = u.user_key AND d.half_hours <> 0
          AND d.segment_key IN (SELECT segment_key FROM chosen_segments)
    )
    GROUP BY (u.first_seen / 60000000000 + :utc_offset_minutes) / 1440
)
SELECT
    d.day AS day,
    coalesce(n.users, 0) AS new_users,
    CASE WHEN (d.day + 1) * 1440 > (SELECT to_minute FROM local_range) THEN 1 ELSE 0 END AS partial
FROM days d LEFT JOIN newcomers n ON n.day = d.day
ORDER BY d.day
