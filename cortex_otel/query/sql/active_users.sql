-- title: Active users
-- about: Distinct users who were active on the last calendar day that was over by the end of the
--   range, and in the 7 and the 30 days that end with it. Stickiness is over the days of the range
--   that end 30 recorded days: the mean of their daily users by the mean of their monthly users.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the last whole day of the range
-- column: dau count distinct users of that day
-- column: wau count distinct users of the 7 days that end with it
-- column: mau count distinct users of the 30 days that end with it
-- column: stickiness ratio mean daily / mean monthly users; null without a day that ends 30 recorded ones
-- column: partial flag 1 if fewer than 30 days were recorded by then
WITH RECURSIVE
-- with: local_days
-- Stickiness is over the days of the range of which 30 recorded days are over.
full_days AS (
    SELECT
        CASE WHEN from_day > first_day + 29 THEN from_day ELSE first_day + 29 END AS from_day,
        next_day - 1 AS last_day,
        CASE WHEN next_day - 30 < first_day THEN 1 ELSE 0 END AS partial
    FROM local_days
),
wanted_days AS (
    SELECT
        CASE WHEN from_day <= last_day THEN from_day ELSE last_day END - 29 AS from_day,
        last_day + 1 AS to_day
    FROM full_days
),
-- with: zone_days
spans AS (
    SELECT day, from_time, to_time FROM zone_days
),
-- with: present
active_days AS MATERIALIZED (
    SELECT DISTINCT day, user_key FROM present
),
days_asked AS (
    SELECT z.day FROM zone_days z CROSS JOIN full_days f WHERE z.day >= f.from_day
),
-- with: monthly_users
counted AS (
    SELECT
        f.last_day, f.partial,
        count(DISTINCT a.user_key) FILTER (WHERE a.day = f.last_day) AS dau,
        count(DISTINCT a.user_key) FILTER (WHERE a.day > f.last_day - 7) AS wau,
        count(DISTINCT a.user_key) FILTER (WHERE a.day > f.last_day - 30) AS mau,
        count(*) FILTER (WHERE a.day >= f.from_day) AS user_days
    FROM full_days f LEFT JOIN active_days a ON a.day <= f.last_day
    GROUP BY f.last_day, f.partial, f.from_day
)
SELECT
    last_day AS day,
    dau AS dau,
    wau AS wau,
    mau AS mau,
    user_days * 1.0 / nullif((SELECT sum(users) FROM monthly_users), 0) AS stickiness,
    partial AS partial
FROM counted
