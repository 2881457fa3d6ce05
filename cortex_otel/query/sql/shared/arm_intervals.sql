-- Each arm beside the control of its flag; differences with Newcombe's 95 % interval, from Wilson's
-- intervals of both (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10).
-- with: arms
proportions AS (
    SELECT
        a.arm_key * 2 + r.is_retention AS key,
        CASE WHEN r.is_retention = 1 THEN a.retained_users ELSE a.conversions END AS hits,
        CASE WHEN r.is_retention = 1 THEN a.watched_users ELSE a.eligible_users END AS trials
    FROM counted_arms a CROSS JOIN (SELECT 0 AS is_retention UNION ALL SELECT 1) AS r
),
-- with: wilson
beside_control AS (
    SELECT
        a.flag, a.variant, a.place, i.key % 2 AS is_retention,
        i.hits, i.trials, i.rate, i.low, i.high,
        first_value(a.variant) OVER w AS control,
        first_value(i.hits) OVER w AS control_hits,
        first_value(i.trials) OVER w AS control_trials,
        first_value(i.rate) OVER w AS control_rate,
        first_value(i.low) OVER w AS control_low,
        first_value(i.high) OVER w AS control_high
    FROM counted_arms a JOIN wilson i ON i.key / 2 = a.arm_key
    WINDOW w AS (PARTITION BY a.flag, i.key % 2 ORDER BY a.place)
),
arm_intervals AS (
    SELECT
        flag, variant, place, control, is_retention, hits, trials, rate, low, high,
        control_hits, control_trials,
        CASE WHEN place > 1 THEN rate - control_rate END AS difference,
        CASE WHEN place > 1 THEN rate - control_rate - sqrt(
            (rate - low) * (rate - low)
            + (control_high - control_rate) * (control_high - control_rate)
        ) END AS difference_low,
        CASE WHEN place > 1 THEN rate - control_rate + sqrt(
            (high - rate) * (high - rate)
            + (control_rate - control_low) * (control_rate - control_low)
        ) END AS difference_high
    FROM beside_control
)
