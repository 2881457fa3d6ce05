-- title: Monthly active users
-- title.ko: 월간 활성 사용자
-- about: Distinct users with a product event in the 30 calendar days that end on each day. Marked
--   as partial where the day is not over or fewer than 30 days were recorded.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the last of the 30 calendar days
-- column: users count distinct active users
-- column: partial flag 1 if the 30 days are not all recorded or not over
WITH RECURSIVE zone AS (
    -- Bits below split belong to the local day first_day after the UTC day, those above to the next.
    SELECT
        CASE WHEN :utc_offset_minutes < 0 THEN -1 ELSE 0 END AS first_day,
        48 - (:utc_offset_minutes / 30 + 48) % 48 AS split
),
recorded AS (
    -- The local day of the first event: nothing before it is shown.
    SELECT min(first_time) / 60000000000 AS first_minute FROM rollup_user_day
    WHERE day = (SELECT min(day) FROM rollup_user_day)
),
bounds AS (
    SELECT
        CASE WHEN :from_ns / 60000000000 > r.first_minute
             THEN (:from_ns / 60000000000 + :utc_offset_minutes) / 1440
             ELSE (r.first_minute + :utc_offset_minutes) / 1440 END AS from_day,
        (:to_ns / 60000000000 + :utc_offset_minutes + 1439) / 1440 AS to_day
    FROM recorded r
),
days AS (
    SELECT from_day AS day FROM bounds WHERE from_day < to_day
    UNION ALL
    SELECT d.day + 1 FROM days d CROSS JOIN bounds b WHERE d.day + 1 < b.to_day
),
seen AS (
    SELECT u.day, u.user_key, u.half_hours
    FROM bounds b JOIN rollup_user_day u ON u.day >= b.from_day - 30 AND u.day < b.to_day + 1
    WHERE u.segment_key IN (
        SELECT segment_key FROM segments
        WHERE (:service = '' OR service = :service) AND (:user_tier = '' OR user_tier = :user_tier)
    )
),
active AS (
    SELECT s.day + z.first_day AS day, s.user_key FROM seen s CROSS JOIN zone z
    WHERE s.half_hours % (CAST(1 AS bigint) << z.split) <> 0
    UNION
    SELECT s.day + z.first_day + 1, s.user_key FROM seen s CROSS JOIN zone z
    WHERE s.half_hours >> z.split <> 0
),
-- A user counts from an active day until 30 days later or the next active day, which takes over:
-- so each day adds those who start and subtracts those who end, and nobody is counted twice.
spells AS (
    SELECT day, lead(day) OVER (PARTITION BY user_key ORDER BY day) AS next_day FROM active
),
changes AS (
    SELECT day, 1 AS change FROM spells
    UNION ALL
    SELECT CASE WHEN next_day < day + 30 THEN next_day ELSE day + 30 END, -1 FROM spells
),
net AS (
    SELECT c.day, sum(c.change) AS change FROM changes c GROUP BY c.day
),
running AS (
    SELECT
        a.day, a.is_asked,
        sum(a.change) OVER (ORDER BY a.day, a.is_asked ROWS UNBOUNDED PRECEDING) AS users
    FROM (
        SELECT day, 0 AS is_asked, change FROM net
        UNION ALL
        SELECT day, 1, 0 FROM days
    ) AS a
)
SELECT
    r.day AS day,
    r.users AS users,
    CASE WHEN (r.day + 1) * 1440 > :to_ns / 60000000000 + :utc_offset_minutes
              OR r.day - 29 < (SELECT (first_minute + :utc_offset_minutes) / 1440 FROM recorded)
         THEN 1 ELSE 0 END AS partial
FROM running r
WHERE r.is_asked = 1
ORDER BY r.day
