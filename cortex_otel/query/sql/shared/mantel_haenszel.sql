-- Risk ratios and differences of Mantel and Haenszel over strata, with 95 % intervals; needs strata (key,
-- hits, users, other_hits, others): of the exposed and of the others in each stratum, how many there
-- are and how many had the outcome. Intervals: S. Greenland and J. M. Robins, Biometrics 41, 1985
-- (ratio); T. Sato, Biometrics 45, 1989 (difference).
pooled AS (
    SELECT
        key,
        sum(users) AS users, sum(hits) AS hits, sum(others) AS others, sum(other_hits) AS other_hits,
        sum(hits * others / total) AS r,
        sum(other_hits * users / total) AS s,
        sum((users * others * (hits + other_hits) - hits * other_hits * total) / total / total) AS v,
        sum(users * others / total) AS w,
        sum((users * users * other_hits - others * others * hits
            + users * others * (others - users) / 2) / total / total) AS p,
        sum((hits * (others - other_hits) + other_hits * (users - hits)) / 2 / total) AS q
    FROM (
        SELECT
            key, hits * 1.0 AS hits, users * 1.0 AS users, other_hits * 1.0 AS other_hits,
            others * 1.0 AS others, nullif(users + others, 0) * 1.0 AS total
        FROM strata
    ) AS reals
    GROUP BY key
),
mantel_haenszel AS (
    SELECT
        key,
        CAST(users AS bigint) AS users, CAST(hits AS bigint) AS hits,
        CAST(others AS bigint) AS others, CAST(other_hits AS bigint) AS other_hits,
        r / nullif(s, 0) AS ratio,
        CASE WHEN r > 0 AND s > 0 THEN r / s * exp(-1.959963984540054 * sqrt(v / r / s)) END AS ratio_low,
        CASE WHEN r > 0 AND s > 0 THEN r / s * exp(1.959963984540054 * sqrt(v / r / s)) END AS ratio_high,
        (r - s) / nullif(w, 0) AS difference,
        (r - s) / nullif(w, 0)
            - 1.959963984540054 * sqrt(((r - s) / nullif(w, 0) * p + q) / w / w) AS difference_low,
        (r - s) / nullif(w, 0)
            + 1.959963984540054 * sqrt(((r - s) / nullif(w, 0) * p + q) / w / w) AS difference_high
    FROM pooled
)
