-- title: Weekly retention
-- title.ko: 주간 유지율
-- about: Of the users whose first event ever fell into a calendar week (Monday to Sunday), how
--   many had an event in the k-th week after it. Only complete weeks: a cell whose week is not
--   over is null, and so is a cohort whose own week is not over.
-- since: 84d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: cohort epoch_day the Monday of the week of their first event
-- column: week count weeks after that; 0 is that week itself
-- column: cohort_users count distinct users of the cohort
-- column: active_users count of these, active in that week; null if it is not over
-- column: retention ratio active_users / cohort_users; null if the week is not over
WITH RECURSIVE zone AS (
    -- Bits below split belong to the local day first_day after the UTC day, those above to the next.
    SELECT
        CASE WHEN :utc_offset_minutes < 0 THEN -1 ELSE 0 END AS first_day,
        48 - (:utc_offset_minutes / 30 + 48) % 48 AS split
),
seen AS (
    SELECT u.day, u.user_key, u.half_hours
    FROM rollup_user_day u
    WHERE u.day <= :to_ns / 86400000000000
      AND u.segment_key IN (
        SELECT segment_key FROM segments
        WHERE (:service = '' OR service = :service) AND (:user_tier = '' OR user_tier = :user_tier)
    )
),
-- 1970-01-01 was a Thursday: with 3 days added, weeks start on Monday.
active AS (
    SELECT (s.day + z.first_day + 3) / 7 AS week, s.user_key FROM seen s CROSS JOIN zone z
    WHERE s.half_hours % (CAST(1 AS bigint) << z.split) <> 0
    UNION
    SELECT (s.day + z.first_day + 4) / 7, s.user_key FROM seen s CROSS JOIN zone z
    WHERE s.half_hours >> z.split <> 0
),
people AS (
    SELECT user_key, min(week) AS cohort FROM active GROUP BY user_key
),
bounds AS (
    SELECT
        ((:from_ns / 60000000000 + :utc_offset_minutes) / 1440 + 3) / 7 AS from_week,
        ((:to_ns / 60000000000 + :utc_offset_minutes) / 1440 + 3) / 7 AS last_week
),
cohorts AS (
    SELECT p.cohort, count(*) AS users
    FROM bounds b JOIN people p ON p.cohort >= b.from_week AND p.cohort <= b.last_week
    GROUP BY p.cohort
),
cells AS (
    SELECT cohort, users, 0 AS week FROM cohorts
    UNION ALL
    SELECT c.cohort, c.users, c.week + 1 FROM cells c CROSS JOIN bounds b
    WHERE c.cohort + c.week + 1 <= b.last_week
),
counted AS (
    SELECT p.cohort, a.week - p.cohort AS week, count(*) AS users
    FROM active a JOIN people p ON p.user_key = a.user_key
    GROUP BY p.cohort, a.week - p.cohort
)
SELECT
    c.cohort * 7 - 3 AS cohort,
    c.week AS week,
    c.users AS cohort_users,
    CASE WHEN c.cohort + c.week < b.last_week THEN coalesce(n.users, 0) END AS active_users,
    CASE WHEN c.cohort + c.week < b.last_week
         THEN coalesce(n.users, 0) * 1.0 / nullif(c.users, 0) END AS retention
FROM cells c
CROSS JOIN bounds b
LEFT JOIN counted n ON n.cohort = c.cohort AND n.week = c.week
ORDER BY c.cohort, c.week
