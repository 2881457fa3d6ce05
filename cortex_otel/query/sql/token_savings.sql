-- title: Token savings per day
-- about: How much smaller Smart Context made what was sent to the model. Target: 70 %. Where local
--   time is off by half an hour, the hour around midnight counts for the day it starts in.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column: compressions count events that measured tokens, weighted by sampling
-- column: tokens_before tokens tokens before
-- column: tokens_after tokens tokens after
-- column: savings_rate ratio 1 - tokens_after / tokens_before; null without tokens
-- column: partial flag 1 if the range has only a part of the day
WITH
-- with: bounds
-- with: chosen_segments
-- with: local_range
measured AS (
    SELECT (m.hour * 60 + :utc_offset_minutes) / 1440 AS day, m.measure, m.events, m.total
    FROM bounds b JOIN rollup_measure m ON m.hour >= b.from_hour AND m.hour < b.to_hour
    WHERE m.measure IN ('tokens_before', 'tokens_after')
      AND m.segment_key IN (SELECT segment_key FROM chosen_segments)
),
totals AS (
    SELECT
        day,
        coalesce(sum(events) FILTER (WHERE measure = 'tokens_before'), 0) AS compressions,
        coalesce(sum(total) FILTER (WHERE measure = 'tokens_before'), 0) AS tokens_before,
        coalesce(sum(total) FILTER (WHERE measure = 'tokens_after'), 0) AS tokens_after
    FROM measured
    GROUP BY day
)
SELECT
    day, compressions, tokens_before, tokens_after,
    1 - tokens_after * 1.0 / nullif(tokens_before, 0) AS savings_rate,
    CASE WHEN day * 1440 < from_hour_minute OR (day + 1) * 1440 > to_minute
         THEN 1 ELSE 0 END AS partial
FROM totals CROSS JOIN local_range
ORDER BY day
