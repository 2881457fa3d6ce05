-- title: How fast
-- about: How long 95 % of the tool calls of the last whole week took at most, and in the week before.
-- since: 28d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: week epoch_day the Monday of the week
-- column: n count calls with a duration: n of the percentile
-- column: p95_ms ms 95 % of the calls took at most this
-- column: p95_before_ms ms the same of the week before; null if there was no call
WITH
-- asks: latency_weeks
compared AS (
    SELECT
        *,
        CASE WHEN lag(week) OVER (ORDER BY week) = week - 7
             THEN lag(p95_ms) OVER (ORDER BY week) END AS p95_before_ms
    FROM latency_weeks
    WHERE partial = 0
)
SELECT
    week AS week,
    n AS n,
    p95_ms AS p95_ms,
    p95_before_ms AS p95_before_ms
FROM compared
ORDER BY week DESC
LIMIT 1
