-- Whether users came to the arms of a flag as :weights say, by a chi-square test. Flags without weights
-- have equal ones; an arm that the weights of its flag don't name should have nobody.
-- with: arms
all_arms AS (
    SELECT flag, variant, sum(exposed_users) AS exposed_users, sum(weight) AS weight
    FROM (
        SELECT flag, variant, exposed_users, NULL AS weight FROM counted_arms
        UNION ALL
        SELECT f.key, v.key, 0, v.value * 1.0
        FROM json_each(CASE WHEN :weights = '' THEN '{}' ELSE :weights END) f
        CROSS JOIN json_each(f.value) v
    ) AS either
    GROUP BY flag, variant
),
weighted_arms AS (
    SELECT
        flag, variant, exposed_users,
        sum(exposed_users) OVER (PARTITION BY flag) AS all_users,
        CASE WHEN count(weight) OVER (PARTITION BY flag) = 0 THEN 1.0
             ELSE coalesce(weight, 0.0) END AS weight
    FROM all_arms
),
expected_arms AS (
    SELECT
        flag, variant, exposed_users,
        weight / nullif(sum(weight) OVER (PARTITION BY flag), 0) AS weight,
        all_users * weight / nullif(sum(weight) OVER (PARTITION BY flag), 0) AS expected_users
    FROM weighted_arms
    WHERE all_users > 0
),
chi_squares AS (
    SELECT
        flag,
        count(*) FILTER (WHERE weight > 0) - 1 AS freedom,
        sum((exposed_users - expected_users) * (exposed_users - expected_users)
            / nullif(expected_users, 0)) AS chi_square,
        max(CASE WHEN weight > 0 THEN 0 ELSE exposed_users END) AS strangers
    FROM expected_arms
    GROUP BY flag
),
-- The tail of the chi-square distribution, from one or two degrees of freedom on by twos (Abramowitz
-- and Stegun 26.4.4 and 26.4.5); that of one is erfc, to within 1.5e-7 (7.1.26).
tails AS (
    SELECT
        flag, freedom, chi_square, strangers,
        CASE WHEN freedom < 1 THEN freedom WHEN freedom % 2 = 1 THEN 1 ELSE 2 END AS reached,
        CASE WHEN freedom < 1 THEN NULL WHEN freedom % 2 = 0 THEN exp(-chi_square / 2)
             ELSE t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
                  + t * (-1.453152027 + t * 1.061405429)))) * exp(-chi_square / 2) END AS tail,
        CASE WHEN freedom % 2 = 0 THEN exp(-chi_square / 2) * chi_square / 2
             ELSE 2 * exp(-chi_square / 2) * sqrt(chi_square / 2 / 3.141592653589793) END AS next_term
    FROM (SELECT *, 1 / (1 + 0.3275911 * sqrt(chi_square / 2)) AS t FROM chi_squares) AS starts
    UNION ALL
    SELECT
        flag, freedom, chi_square, strangers, reached + 2, tail + next_term,
        next_term * chi_square / 2 / (reached / 2.0 + 1)
    FROM tails
    WHERE reached < freedom
),
sample_ratios AS (
    SELECT
        flag, chi_square,
        CASE WHEN strangers > 0 THEN 0.0 ELSE tail END AS p_value,
        CASE WHEN strangers > 0 OR tail < 0.001 THEN 1 ELSE 0 END AS is_mismatch
    FROM tails
    WHERE reached = freedom
)
