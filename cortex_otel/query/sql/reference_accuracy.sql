-- title: Reference acceptance per day
-- about: How many of the references suggested were accepted. Target: 80 %.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the calendar day
-- column: suggested count references suggested, weighted by sampling
-- column: accepted count of these, accepted
-- column: accuracy ratio accepted / suggested; null without suggestions
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: range_days
-- with: measured
totals AS (
    SELECT
        day,
        coalesce(sum(total) FILTER (WHERE measure = 'suggested'), 0) AS suggested,
        coalesce(sum(total) FILTER (WHERE measure = 'accepted'), 0) AS accepted
    FROM measured
    WHERE measure IN ('suggested', 'accepted')
    GROUP BY day
)
SELECT
    t.day AS day, suggested, accepted, accepted * 1.0 / nullif(suggested, 0) AS accuracy,
    1 - d.is_whole AS partial
FROM totals t JOIN days d ON d.day = t.day
ORDER BY t.day
