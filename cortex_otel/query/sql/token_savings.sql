-- title: Token savings per day
-- about: How much smaller Smart Context made what was sent to the model. Target: 70 %.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: day epoch_day the calendar day
-- column: compressions count events that measured tokens, weighted by sampling
-- column: tokens_before tokens tokens before
-- column: tokens_after tokens tokens after
-- column: savings_rate ratio 1 - tokens_after / tokens_before; null without tokens
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: range_days
-- with: measured
totals AS (
    SELECT
        day,
        coalesce(sum(events) FILTER (WHERE measure = 'tokens_before'), 0) AS compressions,
        coalesce(sum(total) FILTER (WHERE measure = 'tokens_before'), 0) AS tokens_before,
        coalesce(sum(total) FILTER (WHERE measure = 'tokens_after'), 0) AS tokens_after
    FROM measured
    WHERE measure IN ('tokens_before', 'tokens_after')
    GROUP BY day
)
SELECT
    t.day AS day, compressions, tokens_before, tokens_after,
    1 - tokens_after * 1.0 / nullif(tokens_before, 0) AS savings_rate,
    1 - d.is_whole AS partial
FROM totals t JOIN days d ON d.day = t.day
ORDER BY t.day
