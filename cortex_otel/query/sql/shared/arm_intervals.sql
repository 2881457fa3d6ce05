-- Each arm beside the control of its flag; differences with Newcombe's 95 % interval, from Wilson's
-- intervals of both (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10). Needs arms.
proportions AS (
    SELECT arm_key * 2 AS key, conversions AS hits, eligible_users AS trials FROM counted_arms
    UNION ALL
    SELECT arm_key * 2 + 1, retained_users, watched_users FROM counted_arms
),
-- with: wilson
arm_intervals AS MATERIALIZED (
    SELECT
        a.flag, a.variant, a.place, c.variant AS control,
        i.key % 2 AS is_retention,
        i.hits, i.trials, i.rate, i.low, i.high,
        j.hits AS control_hits, j.trials AS control_trials,
        CASE WHEN a.place > 1 THEN i.rate - j.rate END AS difference,
        CASE WHEN a.place > 1 THEN i.rate - j.rate
            - sqrt((i.rate - i.low) * (i.rate - i.low) + (j.high - j.rate) * (j.high - j.rate))
        END AS difference_low,
        CASE WHEN a.place > 1 THEN i.rate - j.rate
            + sqrt((i.high - i.rate) * (i.high - i.rate) + (j.rate - j.low) * (j.rate - j.low))
        END AS difference_high
    FROM counted_arms a
    JOIN counted_arms c ON c.flag = a.flag AND c.place = 1
    JOIN wilson i ON i.key / 2 = a.arm_key
    JOIN wilson j ON j.key = c.arm_key * 2 + i.key % 2
)
