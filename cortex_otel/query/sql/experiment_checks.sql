-- title: Checks of experiments
-- about: Whether as many users came to each arm as its weight says: a chi-square test, and with p < 0.001
--   something is wrong with who gets what, or with what is recorded, and no verdict is given. And
--   how many users saw two variants, who are in no arm.
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
-- parameter: weights weights '' shares of the arms as JSON, {"flag": {"variant": weight}}; empty for
--   equal ones
-- column: flag text the flag
-- column: variant text the variant
-- column: exposed_users count distinct users first exposed in the range, and to no other variant
-- column: expected_users count how many there should be by the weights
-- column: weight ratio share of the arm by the weights
-- column: chi_square number of the whole flag; null with one arm
-- column: p_value number how likely a difference as large is by chance; null with one arm
-- column: is_mismatch flag 1 if p < 0.001, or if an arm has users and no weight
-- column: two_arm_users count users first exposed in the range who saw two variants of the flag
WITH RECURSIVE
-- with: sample_ratio
two_armed AS (
    SELECT flag, sum(is_in_two) AS users FROM exposures GROUP BY flag
)
SELECT
    e.flag AS flag,
    e.variant AS variant,
    e.exposed_users AS exposed_users,
    e.expected_users AS expected_users,
    e.weight AS weight,
    CASE WHEN s.p_value IS NOT NULL THEN s.chi_square END AS chi_square,
    s.p_value AS p_value,
    s.is_mismatch AS is_mismatch,
    t.users AS two_arm_users
FROM expected_arms e
JOIN sample_ratios s ON s.flag = e.flag
JOIN two_armed t ON t.flag = e.flag
ORDER BY e.flag, e.variant
