-- title: Recall per day
-- about: Where a needle-in-a-haystack check ran with a search of the context, what share of the needles
--   the search found, on average, by calendar day. Days without a check have no row.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the calendar day
-- column: checks count searches with a check, weighted by sampling
-- column: recall ratio mean share of the needles found
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: range_days
-- with: measured
totals AS (
    SELECT day, sum(events) AS checks, sum(total) AS found
    FROM measured
    WHERE measure = 'recall'
    GROUP BY day
)
SELECT
    t.day AS day,
    t.checks AS checks,
    t.found * 1.0 / nullif(t.checks, 0) AS recall,
    1 - d.is_whole AS partial
FROM totals t JOIN days d ON d.day = t.day
ORDER BY t.day
