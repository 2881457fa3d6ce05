-- title: Reference acceptance per day
-- about: How many of the references suggested were accepted. Target: 80 %. Where local time is off
--   by half an hour, the hour around midnight counts for the day it starts in.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column: suggested count references suggested, weighted by sampling
-- column: accepted count of these, accepted
-- column: accuracy ratio accepted / suggested; null without suggestions
-- column: partial flag 1 if the range has only a part of the day
WITH
-- with: bounds
-- with: chosen_segments
-- with: local_range
measured AS (
    SELECT (m.hour * 60 + :utc_offset_minutes) / 1440 AS day, m.measure, m.events, m.total
    FROM bounds b JOIN rollup_measure m ON m.hour >= b.from_hour AND m.hour < b.to_hour
    WHERE m.measure IN ('suggested', 'accepted')
      AND m.segment_key IN (SELECT segment_key FROM chosen_segments)
),
totals AS (
    SELECT
        day,
        coalesce(sum(total) FILTER (WHERE measure = 'suggested'), 0) AS suggested,
        coalesce(sum(total) FILTER (WHERE measure = 'accepted'), 0) AS accepted
    FROM measured
    GROUP BY day
)
SELECT
    day, suggested, accepted, accepted * 1.0 / nullif(suggested, 0) AS accuracy,
    CASE WHEN day * 1440 < from_hour_minute OR (day + 1) * 1440 > to_minute
         THEN 1 ELSE 0 END AS partial
FROM totals CROSS JOIN local_range
ORDER BY day
