-- title: Active users
-- about: Distinct users with a product event on the last whole day of the range, and in the 7 and
--   the 30 days that end with it. A day that isn't over is left out.
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the last whole day of the range
-- column: dau count distinct users of that day
-- column: wau count distinct users of the 7 days that end with it
-- column: mau count distinct users of the 30 days that end with it
-- column: stickiness ratio dau / mau; null without users
-- column: partial flag 1 if fewer than 30 days were recorded by then
WITH
-- with: chosen_segments
-- with: recorded
last_day AS (
    SELECT (:to_ns / 60000000000 + :utc_offset_minutes) / 1440 - 1 AS day
),
scanned AS (
    SELECT day - 30 AS from_day, day + 2 AS to_day FROM last_day
),
-- with: active_days
counted AS (
    SELECT
        count(DISTINCT a.user_key) FILTER (WHERE a.day = l.day) AS dau,
        count(DISTINCT a.user_key) FILTER (WHERE a.day > l.day - 7) AS wau,
        count(DISTINCT a.user_key) AS mau
    FROM last_day l JOIN active_days a ON a.day > l.day - 30 AND a.day <= l.day
)
SELECT
    l.day AS day,
    c.dau AS dau,
    c.wau AS wau,
    c.mau AS mau,
    c.dau * 1.0 / nullif(c.mau, 0) AS stickiness,
    CASE WHEN l.day - 29 < (SELECT (first_minute + :utc_offset_minutes) / 1440 FROM recorded)
         THEN 1 ELSE 0 END AS partial
FROM last_day l CROSS JOIN counted c
