-- title: Error rate per hour
-- about: Share of product events that failed or timed out, for each hour that had events.
-- since: 24h
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: time unix_ns start of the hour
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
-- column: partial flag 1 if the range has only a part of the hour
WITH
-- with: chosen_series
-- with: hour_counts
SELECT
    hour * 3600000000000 AS time,
    sum(events) AS events,
    sum(errors) AS errors,
    sum(rated_errors) * 1.0 / nullif(sum(rated), 0) AS error_rate,
    CASE WHEN (hour + 1) * 3600000000000 > :to_ns OR hour * 3600000000000 < :from_ns
         THEN 1 ELSE 0 END AS partial
FROM hour_counts
GROUP BY hour
ORDER BY hour
