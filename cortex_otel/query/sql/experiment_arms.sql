-- title: Arms of experiments
-- about: What users did after they were first exposed to a variant of a flag, if that was in the range;
--   whatever they saw or did later (intention to treat). Conversion: of those not yet paying then
--   whose window is over, who came to pay within it. Retention: of those exposed long enough ago,
--   who was active in the days asked for after the exposure. Wilson's 95 % intervals; differences to
--   the control with Newcombe's. Users who saw two variants are in no arm. Exposures are read from
--   the events, so an experiment is gone when its events are.
-- since: 90d
-- events: always, ever
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: flag text '' one flag; empty for all
-- parameter: control text '' the variant that others are compared with; empty for the one called
--   control, else the first by name
-- parameter: window_days integer:1..3650 14 days after the first exposure within which paying counts
-- parameter: return_from_days integer:0..3650 7 who is active from so many days after it on
-- parameter: return_to_days integer:1..3650 14 and before so many days after it came back
-- column: arm text flag and variant
-- column: flag text the flag
-- column: variant text the variant
-- column: exposed_users count distinct users first exposed in the range, and to no other variant
-- column: eligible_users count of these, not paying then and their window is over
-- column: pending_users count not paying then and still inside their window
-- column: conversions count of the eligible, came to pay within the window
-- column: rate ratio conversions / eligible_users; null if nobody is eligible
-- column: low ratio lower end of its 95 % interval
-- column: high ratio upper end of its 95 % interval
-- column: difference ratio rate less that of the control; null for the control
-- column: difference_low ratio lower end of its 95 % interval
-- column: difference_high ratio upper end of its 95 % interval
-- column: watched_users count users exposed so long ago that they could have come back
-- column: retained_users count of these, active in the days asked for
-- column: retention ratio retained_users / watched_users; null if there are none
-- column: retention_low ratio lower end of its 95 % interval
-- column: retention_high ratio upper end of its 95 % interval
-- column: retention_difference ratio retention less that of the control; null for the control
-- column: retention_difference_low ratio lower end of its 95 % interval
-- column: retention_difference_high ratio upper end of its 95 % interval
WITH RECURSIVE
-- with: arm_intervals
SELECT
    a.flag || ': ' || a.variant AS arm,
    a.flag AS flag,
    a.variant AS variant,
    a.exposed_users AS exposed_users,
    a.eligible_users AS eligible_users,
    a.pending_users AS pending_users,
    a.conversions AS conversions,
    c.rate AS rate,
    c.low AS low,
    c.high AS high,
    c.difference AS difference,
    c.difference_low AS difference_low,
    c.difference_high AS difference_high,
    a.watched_users AS watched_users,
    a.retained_users AS retained_users,
    r.rate AS retention,
    r.low AS retention_low,
    r.high AS retention_high,
    r.difference AS retention_difference,
    r.difference_low AS retention_difference_low,
    r.difference_high AS retention_difference_high
FROM counted_arms a
JOIN arm_intervals c ON c.flag = a.flag AND c.variant = a.variant AND c.is_retention = 0
JOIN arm_intervals r ON r.flag = a.flag AND r.variant = a.variant AND r.is_retention = 1
ORDER BY a.flag, a.place
