-- title: Conversion from free to paid
-- about: Of the users who started free in a week (Monday to Sunday), how many became paid or
--   enterprise within the window. By tier history: a user who was paid from the start is no
--   conversion; going up, down and up again is one. A user whose window isn't over is pending and
--   not yet counted.
-- since: 90d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: time_zone
-- parameter: window_days integer 30 days from the first event to the first paid one, inclusive
-- column: week epoch_day the Monday of the week in which they were first seen
-- column: eligible_users count distinct users who started free and whose window is over
-- column: converted_users count of these, became paid or enterprise within the window
-- column: conversion_rate ratio converted_users / eligible_users; null if nobody is eligible
-- column: pending_users count users who started free and are still inside the window
WITH
-- with: zone_offsets
-- with: started_free
-- with: paying_tiers
paid AS (
    SELECT user_key, min(first_seen) AS first_paid
    FROM user_tiers WHERE user_tier IN (SELECT user_tier FROM paying_tiers)
    GROUP BY user_key
),
outcomes AS (
    SELECT
        ((s.first_seen + z.offset_ns) / 86400000000000 + 3) / 7 AS week,
        CASE WHEN s.first_seen + :window_days * 86400000000000 <= :to_ns THEN 1 ELSE 0 END AS is_over,
        CASE WHEN p.first_paid - s.first_seen <= :window_days * 86400000000000
             THEN 1 ELSE 0 END AS is_converted
    FROM started s
    JOIN zone_offsets z ON z.since <= s.first_seen AND s.first_seen < z.until
    LEFT JOIN paid p ON p.user_key = s.user_key
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
