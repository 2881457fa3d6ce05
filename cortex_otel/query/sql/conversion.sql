-- title: Conversion to paid by week
-- about: Of the users who did not pay when they were first seen (free or trial), by that week (Monday
--   to Sunday), how many came to pay within the window; with Wilson's 95 % interval. By tier
--   history: who paid at first sight is no conversion; going up, down and up again is one. A user
--   whose window isn't over is pending and not yet counted, even if they pay already.
-- since: 90d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: time_zone
-- parameter: from_tier free|trial '' only who began in this tier: free or trial; empty for both
-- parameter: window_days integer:1..3650 30 days from the first event to the first paid one, inclusive
-- column: week epoch_day the Monday of the week in which they were first seen
-- column: eligible_users count distinct users who began unpaid and whose window is over
-- column: idle_users count of these, never active: they only installed the extension, say
-- column: converted_users count of these, came to pay within the window
-- column: conversion_rate ratio converted_users / eligible_users; null if nobody is eligible
-- column: low ratio lower end of its 95 % interval
-- column: high ratio upper end of its 95 % interval
-- column: pending_users count users who began unpaid and are still inside the window
WITH
-- with: conversions
weeks AS (
    SELECT
        week,
        sum(is_over) AS eligible_users,
        sum(is_over * is_idle) AS idle_users,
        sum(is_over * is_converted) AS converted_users,
        sum(1 - is_over) AS pending_users
    FROM conversions
    GROUP BY week
),
proportions AS (
    SELECT week AS key, converted_users AS hits, eligible_users AS trials FROM weeks
),
-- with: wilson
SELECT
    w.week * 7 - 3 AS week,
    w.eligible_users AS eligible_users,
    w.idle_users AS idle_users,
    w.converted_users AS converted_users,
    i.rate AS conversion_rate,
    i.low AS low,
    i.high AS high,
    w.pending_users AS pending_users
FROM weeks w JOIN wilson i ON i.key = w.week
ORDER BY w.week
