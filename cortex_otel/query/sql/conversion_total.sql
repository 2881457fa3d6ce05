-- title: Conversion to paid
-- about: The weeks of the question conversion added up: of all users who were first seen in the range
--   and did not pay then (free or trial), how many came to pay within the window; with Wilson's 95 %
--   interval.
-- since: 90d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: time_zone
-- parameter: from_tier free|trial '' only who began in this tier: free or trial; empty for both
-- parameter: window_days integer:1..3650 30 days from the first event to the first paid one, inclusive
-- column: eligible_users count distinct users who began unpaid and whose window is over
-- column: idle_users count of these, never active: they only installed the extension, say
-- column: converted_users count of these, came to pay within the window
-- column: conversion_rate ratio converted_users / eligible_users; null if nobody is eligible
-- column: low ratio lower end of its 95 % interval
-- column: high ratio upper end of its 95 % interval
-- column: pending_users count users who began unpaid and are still inside the window
WITH
-- with: conversions
totals AS (
    SELECT
        coalesce(sum(is_over), 0) AS eligible_users,
        coalesce(sum(is_over * is_idle), 0) AS idle_users,
        coalesce(sum(is_over * is_converted), 0) AS converted_users,
        coalesce(sum(1 - is_over), 0) AS pending_users
    FROM conversions
),
proportions AS (
    SELECT 0 AS key, converted_users AS hits, eligible_users AS trials FROM totals
),
-- with: wilson
SELECT
    t.eligible_users AS eligible_users,
    t.idle_users AS idle_users,
    t.converted_users AS converted_users,
    i.rate AS conversion_rate,
    i.low AS low,
    i.high AS high,
    t.pending_users AS pending_users
FROM totals t CROSS JOIN wilson i
