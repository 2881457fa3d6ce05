-- title: Active users
-- title.ko: 활성 사용자
-- about: Distinct users with a product event on the last whole day of the range, and in the 7 and
--   the 30 days that end with it. A day that is not over is left out.
-- about.ko: 기간의 마지막 온전한 날과, 그날까지의 7일 및 30일에 제품 이벤트가 있는 사용자 수입니다.
--   끝나지 않은 날은 제외합니다.
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the last whole day of the range
-- column.ko: day 기간의 마지막 온전한 날
-- column: dau count distinct users of that day
-- column.ko: dau 그날의 사용자 수
-- column: wau count distinct users of the 7 days that end with it
-- column.ko: wau 그날까지 7일의 사용자 수
-- column: mau count distinct users of the 30 days that end with it
-- column.ko: mau 그날까지 30일의 사용자 수
-- column: stickiness ratio dau / mau; null without users
-- column.ko: stickiness DAU / MAU. 사용자가 없으면 비어 있음
-- column: partial flag 1 if fewer than 30 days were recorded by then
-- column.ko: partial 그때까지 기록이 30일이 안 되면 1
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
