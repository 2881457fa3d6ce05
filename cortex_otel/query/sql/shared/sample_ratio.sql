-- Whether users came to the arms of a flag as :weights say, by a chi-square test; needs arms. Flags
-- without weights have equal ones; an arm that the weights of its flag don't name should have nobody.
given_weights AS (
    SELECT f.key AS flag, v.key AS variant, v.value * 1.0 AS weight
    FROM json_each(CASE WHEN :weights = '' THEN '{}' ELSE :weights END) f CROSS JOIN json_each(f.value) v
),
weighted_arms AS (
    SELECT flag, variant, weight FROM given_weights WHERE flag IN (SELECT flag FROM counted_arms)
    UNION ALL
    SELECT a.flag, a.variant, CASE WHEN count(g.flag) = 0 THEN 1.0 ELSE 0.0 END
    FROM counted_arms a LEFT JOIN given_weights g ON g.flag = a.flag
    GROUP BY a.flag, a.variant
    HAVING count(*) FILTER (WHERE g.variant = a.variant) = 0
),
expected_arms AS MATERIALIZED (
    SELECT
        w.flag, w.variant, w.weight,
        coalesce(a.exposed_users, 0) AS exposed_users,
        sum(coalesce(a.exposed_users, 0)) OVER (PARTITION BY w.flag) * w.weight
            / nullif(sum(w.weight) OVER (PARTITION BY w.flag), 0) AS expected_users
    FROM weighted_arms w LEFT JOIN counted_arms a ON a.flag = w.flag AND a.variant = w.variant
),
chi_squares AS (
    SELECT
        flag,
        sum((exposed_users - expected_users) * (exposed_users - expected_users)
            / nullif(expected_users, 0)) AS chi_square,
        count(*) FILTER (WHERE weight > 0) - 1 AS freedom,
        max(CASE WHEN weight = 0 AND exposed_users > 0 THEN 1 ELSE 0 END) AS has_stranger
    FROM expected_arms
    GROUP BY flag
),
-- The tail of the chi-square distribution, from one or two degrees of freedom on by twos (Abramowitz
-- and Stegun 26.4.4 and 26.4.5); that of one is erfc, to within 1.5e-7 (7.1.26).
tails AS (
    SELECT
        flag, freedom, chi_square / 2 AS half,
        CASE WHEN freedom % 2 = 1 THEN 1 ELSE 2 END AS reached,
        CASE WHEN freedom % 2 = 0 THEN exp(-chi_square / 2)
             ELSE t * (0.254829592 + t * (-0.284496736 + t * (1.421413741
                  + t * (-1.453152027 + t * 1.061405429)))) * exp(-chi_square / 2) END AS tail,
        CASE WHEN freedom % 2 = 0 THEN exp(-chi_square / 2) * chi_square / 2
             ELSE 2 * exp(-chi_square / 2) * sqrt(chi_square / 2 / 3.141592653589793) END AS next_term
    FROM (
        SELECT *, 1 / (1 + 0.3275911 * sqrt(chi_square / 2)) AS t FROM chi_squares WHERE freedom > 0
    ) AS starts
    UNION ALL
    SELECT
        flag, freedom, half, reached + 2, tail + next_term,
        next_term * half / (reached / 2.0 + 1)
    FROM tails
    WHERE reached < freedom
),
sample_ratios AS MATERIALIZED (
    SELECT
        c.flag, c.chi_square,
        CASE WHEN c.has_stranger = 1 THEN 0.0 ELSE t.tail END AS p_value,
        CASE WHEN c.has_stranger = 1 OR t.tail < 0.001 THEN 1 ELSE 0 END AS is_mismatch
    FROM chi_squares c LEFT JOIN tails t ON t.flag = c.flag AND t.reached = t.freedom
)
