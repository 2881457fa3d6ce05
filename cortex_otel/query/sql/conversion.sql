-- title: Conversion free to paid
-- title.ko: 무료에서 유료로 전환
-- about: Of the users who started free in a week (Monday to Sunday), how many became paid or
--   enterprise within the window. By tier history: who was paid at first sight is no conversion,
--   up, down and up again is one. A user whose window is not over is pending and not yet counted.
-- about.ko: 어느 주(월요일~일요일)에 무료로 시작한 사용자 중 기한 안에 유료 또는 엔터프라이즈가 된
--   비율입니다. 등급 이력으로 계산합니다. 처음부터 유료였던 사용자는 전환이 아니고, 올렸다 내렸다
--   다시 올려도 한 번입니다. 기한이 끝나지 않은 사용자는 대기로 두고 아직 세지 않습니다.
-- since: 90d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: utc_offset_minutes
-- parameter: window_days integer 30 days from the first event to the first paid one, inclusive
-- parameter.ko: window_days 첫 이벤트부터 첫 유료 이벤트까지의 일수(포함)
-- column: week epoch_day the Monday of the week in which they were first seen
-- column.ko: week 처음 기록된 주의 월요일
-- column: eligible_users count distinct users who started free and whose window is over
-- column.ko: eligible_users 무료로 시작해 기한이 끝난 사용자 수
-- column: converted_users count of these, became paid or enterprise within the window
-- column.ko: converted_users 그중 기한 안에 유료 또는 엔터프라이즈가 된 사용자
-- column: conversion_rate ratio converted_users / eligible_users; null if nobody is eligible
-- column.ko: conversion_rate 전환 / 대상. 대상이 없으면 비어 있음
-- column: pending_users count users who started free and are still inside the window
-- column.ko: pending_users 무료로 시작해 아직 기한 안에 있는 사용자 수
WITH
-- with: started_free
-- with: paying_tiers
paid AS (
    SELECT user_key, min(first_seen) AS first_paid
    FROM user_tiers WHERE user_tier IN (SELECT user_tier FROM paying_tiers)
    GROUP BY user_key
),
outcomes AS (
    SELECT
        ((s.first_seen / 60000000000 + :utc_offset_minutes) / 1440 + 3) / 7 AS week,
        CASE WHEN s.first_seen + :window_days * 86400000000000 <= :to_ns THEN 1 ELSE 0 END AS is_over,
        CASE WHEN p.first_paid - s.first_seen <= :window_days * 86400000000000
             THEN 1 ELSE 0 END AS is_converted
    FROM started s LEFT JOIN paid p ON p.user_key = s.user_key
)
SELECT
    week * 7 - 3 AS week,
    sum(is_over) AS eligible_users,
    sum(is_over * is_converted) AS converted_users,
    sum(is_over * is_converted) * 1.0 / nullif(sum(is_over), 0) AS conversion_rate,
    sum(1 - is_over) AS pending_users
FROM outcomes
GROUP BY week
ORDER BY week
