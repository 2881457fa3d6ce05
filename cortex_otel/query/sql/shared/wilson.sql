-- Wilson's 95 % interval of each proportion, without continuity correction (E. B. Wilson, JASA 22,
-- 1927); needs proportions (key, hits, trials). Null without trials. 3.84 is the square of 1.96.
wilson AS (
    SELECT
        key, hits, trials, rate,
        CASE WHEN hits = 0 AND trials > 0 THEN 0.0 ELSE (centre - half_width) / (1 + 3.841458820694124 / trials) END AS low,
        CASE WHEN hits = trials THEN 1.0
             ELSE (centre + half_width) / (1 + 3.841458820694124 / trials) END AS high
    FROM (
        SELECT
            key, hits, trials, rate,
            rate + 3.841458820694124 / 2 / trials AS centre,
            1.959963984540054
                * sqrt(rate * (1 - rate) / trials + 3.841458820694124 / 4 / trials / trials) AS half_width
        FROM (
            SELECT key, hits, nullif(trials, 0) AS trials, hits * 1.0 / nullif(trials, 0) AS rate
            FROM proportions
        ) AS rates
    ) AS parts
)
