-- title: Search time per day
-- about: How long searches of the context took on each calendar day that had any.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the calendar day
-- column: n count searches with a duration: n of the percentiles
-- column: p50_ms ms half of the searches took at most this; nearest rank
-- column: p95_ms ms 95 % of the searches took at most this
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: range_days
timed_type (event_type) AS (VALUES ('mcp.search_context')),
-- with: span_durations
histogram AS (
    SELECT day AS cell, bucket, sum(events) AS events FROM span_durations GROUP BY day, bucket
),
-- with: percentiles
SELECT
    p.cell AS day,
    p.n AS n,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    1 - d.is_whole AS partial
FROM percentiles p JOIN days d ON d.day = p.cell
ORDER BY p.cell
