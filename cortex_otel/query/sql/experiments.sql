-- title: Experiments
-- about: A row for each flag with an exposure in the range, and what its conversion says. Nothing,
--   while an arm has fewer users than planned (for 80 % power to tell the two planned rates apart at
--   5 %), or where the sample ratio is wrong. Else a variant is better or worse than the control
--   where the test of two proportions says so at 5 %, corrected for all comparisons shown
--   (Benjamini and Hochberg). Users who saw two variants are left out and counted.
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
-- parameter: planned_from real:0..1 0.05 the rate of conversion that is expected of the control
-- parameter: planned_to real:0..1 0.07 the rate that a better variant should reach
-- column: flag text the flag
-- column: verdict not_enough_data|sample_ratio_mismatch|no_difference|better not_enough_data, sample_ratio_mismatch, no_difference or better
-- column: winner text the variant that is better, where one is
-- column: variants count variants with users
-- column: exposed_users count distinct users first exposed in the range, in one arm
-- column: two_arm_users count users who saw two variants; in no arm
-- column: pending_users count not paying at their exposure and still inside their window
-- column: smallest_arm count eligible users of the smallest arm
-- column: planned_users count how many each arm needs
-- column: variant text the winner, else the variant with the highest rate beside the control
-- column: difference ratio its rate less that of the control
-- column: difference_low ratio lower end of its 95 % interval
-- column: difference_high ratio upper end of its 95 % interval
-- column: p_value number how likely a difference as large is by chance
-- column: adjusted_p number the same, corrected for all comparisons; null if there is no verdict
WITH RECURSIVE
-- with: arm_intervals
-- with: sample_ratio
-- The normal approximation of the power of a test of two proportions; 1.96 and 0.8416 are the
-- quantiles for 5 % (two-sided) and 80 %.
plans AS (
    SELECT
        CASE WHEN users > CAST(users AS bigint) THEN CAST(users AS bigint) + 1
             ELSE CAST(users AS bigint) END AS planned_users
    FROM (
        SELECT
            (1.959963984540054 * sqrt(2 * mean * (1 - mean)) + 0.8416212335729143
                * sqrt(:planned_from * (1 - :planned_from) + :planned_to * (1 - :planned_to)))
            * (1.959963984540054 * sqrt(2 * mean * (1 - mean)) + 0.8416212335729143
                * sqrt(:planned_from * (1 - :planned_from) + :planned_to * (1 - :planned_to)))
            / nullif((:planned_to - :planned_from) * (:planned_to - :planned_from), 0) AS users
        FROM (SELECT (:planned_from + :planned_to) / 2.0 AS mean) AS means
    ) AS powers
),
flags AS (
    SELECT flag, sum(is_in_two) AS two_arm_users FROM exposures GROUP BY flag
),
totals AS (
    SELECT
        flag, count(*) AS variants, sum(exposed_users) AS exposed_users,
        sum(pending_users) AS pending_users, min(eligible_users) AS smallest_arm
    FROM counted_arms
    GROUP BY flag
),
states AS (
    SELECT
        f.flag, f.two_arm_users, p.planned_users,
        coalesce(t.variants, 0) AS variants,
        coalesce(t.exposed_users, 0) AS exposed_users,
        coalesce(t.pending_users, 0) AS pending_users,
        coalesce(t.smallest_arm, 0) AS smallest_arm,
        CASE WHEN s.is_mismatch = 1 THEN 'sample_ratio_mismatch'
             WHEN t.variants > 1 AND t.smallest_arm >= p.planned_users THEN 'enough'
             ELSE 'not_enough_data' END AS state
    FROM flags f
    CROSS JOIN plans p
    LEFT JOIN totals t ON t.flag = f.flag
    LEFT JOIN sample_ratios s ON s.flag = f.flag
),
deviations AS (
    SELECT
        s.*, a.variant, a.control, a.difference, a.difference_low, a.difference_high,
        sqrt(pooled * (1 - pooled) * (1.0 / a.trials + 1.0 / a.control_trials)) AS deviation
    FROM states s
    LEFT JOIN (
        SELECT *, (hits + control_hits) * 1.0 / (trials + control_trials) AS pooled
        FROM arm_intervals
        WHERE is_retention = 0 AND place > 1 AND trials > 0 AND control_trials > 0
    ) a ON a.flag = s.flag
),
comparisons AS (
    SELECT
        *,
        -- erfc(|z| / sqrt(2)), as in the test of the sample ratio; no deviation is no difference.
        CASE WHEN deviation > 0 THEN
            t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
                + t * (-1.453152027 + t * 1.061405429))))
            * exp(-difference * difference / 2 / deviation / deviation)
             WHEN deviation = 0 THEN 1.0 END AS p_value
    FROM (
        SELECT
            *,
            1 / (1 + 0.3275911 * abs(difference) / nullif(deviation, 0) / 1.4142135623730951) AS t
        FROM deviations
    ) AS approximated
),
ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY state ORDER BY p_value DESC, flag, variant) AS from_last,
        count(*) OVER (PARTITION BY state) AS comparisons
    FROM comparisons
),
adjusted AS (
    SELECT
        *,
        CASE WHEN state = 'enough' THEN
            min(p_value * comparisons / (comparisons - from_last + 1))
                OVER (PARTITION BY state ORDER BY from_last ROWS UNBOUNDED PRECEDING)
        END AS adjusted_p
    FROM ranked
),
-- First what is better than the control; the control, where it is better than every other.
leaders AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY flag
            ORDER BY CASE WHEN adjusted_p < 0.05 AND difference > 0 THEN 0 ELSE 1 END,
                difference DESC, variant
        ) AS place,
        count(*) OVER (PARTITION BY flag) AS others,
        count(*) FILTER (WHERE adjusted_p < 0.05 AND difference < 0)
            OVER (PARTITION BY flag) AS worse
    FROM adjusted
),
decided AS (
    SELECT
        *,
        CASE WHEN adjusted_p < 0.05 AND difference > 0 THEN variant
             WHEN worse = others THEN control END AS winner
    FROM leaders
    WHERE place = 1
)
SELECT
    flag AS flag,
    CASE WHEN state <> 'enough' THEN state
         WHEN winner IS NULL THEN 'no_difference' ELSE 'better' END AS verdict,
    winner AS winner,
    variants AS variants,
    exposed_users AS exposed_users,
    two_arm_users AS two_arm_users,
    pending_users AS pending_users,
    smallest_arm AS smallest_arm,
    planned_users AS planned_users,
    variant AS variant,
    difference AS difference,
    difference_low AS difference_low,
    difference_high AS difference_high,
    p_value AS p_value,
    adjusted_p AS adjusted_p
FROM decided
ORDER BY exposed_users DESC, flag
