-- title: Monthly active users
-- about: Distinct users with a product event in the 30 calendar days that end on each day. Marked
--   as partial where the day isn't over or fewer than 30 days were recorded.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the last of the 30 calendar days
-- column: users count distinct active users
-- column: partial flag 1 if the 30 days are not all recorded or not over
WITH RECURSIVE
-- with: chosen_segments
-- with: recorded
-- with: local_range
-- with: local_days
scanned AS (
    SELECT from_day - 30 AS from_day, to_day + 1 AS to_day FROM local_days
),
-- with: active_days
-- An active day counts for 30 days from it on. Where the next one comes later than that, or never,
-- the user is gone in between. Everybody was last active on day -1000: so the first active day ends
-- such a gap too.
spells AS (
    SELECT day, lead(day) OVER (PARTITION BY user_key ORDER BY day) AS next_day
    FROM (
        SELECT day, user_key FROM active_days
        UNION
        SELECT -1000, user_key FROM users
    ) AS once
),
gaps AS (
    SELECT day, next_day FROM spells WHERE next_day IS NULL OR next_day > day + 30
),
-- The users of a day are all who came until then, less all who left.
changes AS (
    SELECT day, 0 AS users, 1 AS is_asked FROM days
    UNION ALL
    SELECT day + 30, -count(*), 0 FROM gaps WHERE day > -1000 GROUP BY day
    UNION ALL
    SELECT next_day, count(*), 0 FROM gaps WHERE next_day IS NOT NULL GROUP BY next_day
),
running AS (
    SELECT
        day, is_asked,
        sum(users) OVER (ORDER BY day, is_asked ROWS UNBOUNDED PRECEDING) AS users
    FROM changes
)
SELECT
    r.day AS day,
    r.users AS users,
    CASE WHEN (r.day + 1) * 1440 > (SELECT to_minute FROM local_range)
              OR r.day - 29 < (SELECT (first_minute + :utc_offset_minutes) / 1440 FROM recorded)
         THEN 1 ELSE 0 END AS partial
FROM running r
WHERE r.is_asked = 1
ORDER BY r.day
