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
-- column: partial flag 1 if the range ends before the hour does
WITH
-- with: bounds
-- with: chosen_series
SELECT
    h.hour * 3600000000000 AS time,
    sum(h.events) AS events,
    sum(h.events * s.is_failed) AS errors,
    sum(h.events * s.is_failed * s.in_error_rate) * 1.0
        / nullif(sum(h.events * s.in_error_rate), 0) AS error_rate,
    CASE WHEN (h.hour + 1) * 3600000000000 > :to_ns THEN 1 ELSE 0 END AS partial
-- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
FROM rollup_hour h
JOIN chosen_series s ON s.series_key = h.series_key
WHERE h.hour >= (SELECT from_hour FROM bounds) AND h.hour < (SELECT to_hour FROM bounds)
GROUP BY h.hour
ORDER BY h.hour
