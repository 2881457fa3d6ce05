-- title: Daily active users
-- title.ko: 일간 활성 사용자
-- about: Distinct users with a product event on each calendar day, exact in time zones of whole
--   half hours. A day without any is 0; a day that is not over is marked.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column: users count distinct active users
-- column: partial flag 1 if the range ends before the day does
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
    FROM bounds b JOIN rollup_user_day u ON u.day >= b.from_day - 1 AND u.day < b.to_day + 1
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
counted AS (
    SELECT day, count(*) AS users FROM active GROUP BY day
)
SELECT
    d.day AS day,
    coalesce(c.users, 0) AS users,
    CASE WHEN (d.day + 1) * 1440 > :to_ns / 60000000000 + :utc_offset_minutes
         THEN 1 ELSE 0 END AS partial
FROM days d LEFT JOIN counted c ON c.day = d.day
ORDER BY d.day
