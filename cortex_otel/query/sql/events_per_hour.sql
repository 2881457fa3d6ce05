-- title: Events per hour
-- about: Product events of each hour from the first one recorded on; an hour without any is 0.
-- since: 24h
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: time unix_ns start of the hour
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: partial flag 1 if the range ends before the hour does
WITH RECURSIVE
-- with: bounds
-- with: chosen_series
-- with: hours
counted AS (
    SELECT h.hour, sum(h.events) AS events, sum(h.events * s.is_failed) AS errors
    -- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
    FROM rollup_hour h
    JOIN chosen_series s ON s.series_key = h.series_key
    WHERE h.hour >= (SELECT from_hour FROM bounds) AND h.hour < (SELECT to_hour FROM bounds)
    GROUP BY h.hour
)
SELECT
    h.time AS time,
    coalesce(c.events, 0) AS events,
    coalesce(c.errors, 0) AS errors,
    h.partial AS partial
FROM timed_hours h LEFT JOIN counted c ON c.hour = h.hour
ORDER BY h.hour
