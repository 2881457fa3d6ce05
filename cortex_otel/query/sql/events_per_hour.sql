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
hours AS (
    SELECT CASE WHEN from_hour > (SELECT min(hour) FROM rollup_hour)
                THEN from_hour ELSE (SELECT min(hour) FROM rollup_hour) END AS hour
    FROM bounds WHERE to_hour > (SELECT min(hour) FROM rollup_hour)
    UNION ALL
    SELECT h.hour + 1 FROM hours h CROSS JOIN bounds b WHERE h.hour + 1 < b.to_hour
),
counted AS (
    SELECT h.hour, sum(h.events) AS events, sum(h.events * s.failed) AS errors
    -- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
    FROM rollup_hour h
    JOIN chosen_series s ON s.series_key = h.series_key
    WHERE h.hour >= (SELECT from_hour FROM bounds) AND h.hour < (SELECT to_hour FROM bounds)
    GROUP BY h.hour
)
SELECT
    h.hour * 3600000000000 AS time,
    coalesce(c.events, 0) AS events,
    coalesce(c.errors, 0) AS errors,
    CASE WHEN (h.hour + 1) * 3600000000000 > :to_ns THEN 1 ELSE 0 END AS partial
FROM hours h LEFT JOIN counted c ON c.hour = h.hour
ORDER BY h.hour
