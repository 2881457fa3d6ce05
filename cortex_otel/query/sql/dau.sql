-- title: Daily active users
-- title.ko: 일간 활성 사용자
-- about: Distinct users with a product event on each calendar day, exact in time zones of whole
--   half hours. A day without any is 0; a day that is not over is marked.
-- about.ko: 날마다 제품 이벤트가 있는 서로 다른 사용자 수입니다. 30분 단위 시간대에서 정확합니다.
--   없는 날은 0이고, 끝나지 않은 날은 표시합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column.ko: day 날짜
-- column: users count distinct active users
-- column.ko: users 서로 다른 활성 사용자 수
-- column: partial flag 1 if the range ends before the day does
-- column.ko: partial 기간이 그날 중간에 끝나면 1
WITH RECURSIVE
-- with: chosen_segments
-- with: recorded
-- with: local_range
-- with: local_days
scanned AS (
    SELECT from_day - 1 AS from_day, to_day + 1 AS to_day FROM local_days
),
-- with: active_days
counted AS (
    SELECT day, count(*) AS users
    FROM (SELECT DISTINCT day, user_key FROM active_days) AS once
    GROUP BY day
)
SELECT
    d.day AS day,
    coalesce(c.users, 0) AS users,
    CASE WHEN (d.day + 1) * 1440 > (SELECT to_minute FROM local_range) THEN 1 ELSE 0 END AS partial
FROM days d LEFT JOIN counted c ON c.day = d.day
ORDER BY d.day
