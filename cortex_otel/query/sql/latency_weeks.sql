-- title: Tool calls by week
-- about: How long tool calls took in each week (Monday to Sunday) that the range touches; all of the
--   week counts. Percentiles are merged from histograms.
-- since: 28d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: week epoch_day the Monday of the week
-- column: n count calls with a duration: n of the percentiles
-- column: p50_ms ms half of the calls took at most this; nearest rank
-- column: p95_ms ms 95 % of the calls took at most this
-- column: partial flag 1 if the range ends before the week does
WITH RECURSIVE
-- with: local_days
wanted_days AS (
    SELECT (from_day + 3) / 7 * 7 - 3 AS from_day, (to_day + 2) / 7 * 7 + 4 AS to_day FROM local_days
),
-- with: calendar_weeks
spans AS (
    SELECT week AS day, from_time, to_time FROM weeks
),
timed_type (event_type) AS (VALUES ('mcp.tool_call')),
-- with: span_durations
histogram AS (
    SELECT day AS cell, bucket, sum(events) AS events FROM span_durations GROUP BY day, bucket
),
-- with: percentiles
SELECT
    w.week * 7 - 3 AS week,
    p.n AS n,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    w.partial AS partial
FROM percentiles p JOIN weeks w ON w.week = p.cell
ORDER BY w.week
