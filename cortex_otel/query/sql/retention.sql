-- title: Weekly retention
-- title.ko: 주간 유지율
-- about: Of the users whose first event ever fell into a calendar week (Monday to Sunday), how
--   many had an event in the k-th week after it. Only complete weeks: a cell whose week is not
--   over is null, and so is a cohort whose own week is not over.
-- about.ko: 첫 이벤트가 어느 주(월요일~일요일)에 있던 사용자 중 그 뒤 k번째 주에 이벤트가 있는
--   비율입니다. 끝나지 않은 주의 칸과 코호트는 비어 있습니다.
-- since: 84d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: cohort epoch_day the Monday of the week of their first event
-- column.ko: cohort 첫 이벤트가 있던 주의 월요일
-- column: week count weeks after that; 0 is that week itself
-- column.ko: week 그 뒤의 주 수. 0은 그 주 자체
-- column: cohort_users count distinct users of the cohort
-- column.ko: cohort_users 코호트의 사용자 수
-- column: active_users count of these, active in that week; null if it is not over
-- column.ko: active_users 그중 해당 주에 활동한 사용자. 끝나지 않은 주는 비어 있음
-- column: retention ratio active_users / cohort_users; null if the week is not over
-- column.ko: retention 활성 사용자 / 코호트 크기. 끝나지 않은 주는 비어 있음
WITH RECURSIVE
-- with: chosen_segments
-- with: local_range
scanned AS (
    SELECT 0 AS from_day, :to_ns / 86400000000000 + 1 AS to_day
),
-- with: active_days
-- 1970-01-01 was a Thursday: with 3 days added, weeks start on Monday.
weeks AS (
    SELECT
        (from_minute / 1440 + 3) / 7 AS from_week,
        (to_minute / 1440 + 3) / 7 AS last_week
    FROM local_range
),
active_weeks AS (
    SELECT week, min(week) OVER (PARTITION BY user_key) AS cohort
    FROM (SELECT DISTINCT user_key, (day + 3) / 7 AS week FROM active_days) AS once
),
counted AS (
    SELECT cohort, week - cohort AS week, count(*) AS users
    FROM active_weeks
    GROUP BY cohort, week - cohort
),
cells AS (
    SELECT c.cohort, c.users, 0 AS week
    FROM weeks w JOIN counted c ON c.cohort >= w.from_week AND c.cohort <= w.last_week
    WHERE c.week = 0
    UNION ALL
    SELECT c.cohort, c.users, c.week + 1
    FROM cells c CROSS JOIN weeks w
    WHERE c.cohort + c.week + 1 <= w.last_week
)
SELECT
    c.cohort * 7 - 3 AS cohort,
    c.week AS week,
    c.users AS cohort_users,
    CASE WHEN c.cohort + c.week < w.last_week THEN coalesce(n.users, 0) END AS active_users,
    CASE WHEN c.cohort + c.week < w.last_week
         THEN coalesce(n.users, 0) * 1.0 / nullif(c.users, 0) END AS retention
FROM cells c
CROSS JOIN weeks w
LEFT JOIN counted n ON n.cohort = c.cohort AND n.week = c.week
ORDER BY c.cohort, c.week
