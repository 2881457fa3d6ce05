-- title: Who comes to pay
-- about: Of the users who began unpaid in the last week of whom all windows are over, how many came to
--   pay, as the question conversion counts them; and how many of those who began in the range paid for
--   the first time in the week that the range ends in.
-- since: 90d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: time_zone
-- parameter: from_tier free|trial '' only who began in this tier: free or trial; empty for both
-- parameter: window_days integer:1..3650 30 days from the first event to the first paid one, inclusive
-- column: paid_users count distinct users who began unpaid and first paid in the last calendar week
-- column: week epoch_day the Monday of the week in which those were first seen who are counted here
-- column: eligible_users count distinct users who began unpaid in that week
-- column: converted_users count of these, came to pay within the window
-- column: conversion_rate ratio converted_users / eligible_users; null if nobody is eligible
WITH
-- asks: conversion
-- with: zone_offsets
-- with: started_unpaid
payments AS (
    SELECT count(*) AS users
    FROM started s
    JOIN first_payments p ON p.user_key = s.user_key
    JOIN zone_offsets z ON p.first_paid >= z.since AND p.first_paid < z.until
    JOIN zone_offsets n ON :to_ns - 1 >= n.since AND :to_ns - 1 < n.until
    WHERE p.first_paid < :to_ns
      AND ((p.first_paid + z.offset_ns) / 86400000000000 + 3) / 7
          = ((:to_ns - 1 + n.offset_ns) / 86400000000000 + 3) / 7
)
SELECT
    p.users AS paid_users,
    c.week AS week,
    c.eligible_users AS eligible_users,
    c.converted_users AS converted_users,
    c.conversion_rate AS conversion_rate
FROM conversion c CROSS JOIN payments p
WHERE c.pending_users = 0 AND c.eligible_users > 0
ORDER BY c.week DESC
LIMIT 1
