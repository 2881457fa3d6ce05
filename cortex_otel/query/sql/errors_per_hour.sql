-- title: Errors per hour
-- about: Events that failed, and events that timed out, in each hour; an hour without any is 0.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter: error_type text '' a class of error, unknown where none was recorded; empty for all
-- parameter: tool text '' a tool; empty for all
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- column: time unix_ns start of the hour
-- column: errors count events that failed, weighted by sampling; without those that timed out
-- column: timeouts count events that timed out
-- column: partial flag 1 if the range ends before the hour does
WITH RECURSIVE
-- with: bounds
-- with: failed_series
-- with: chosen_users
-- with: user_windows
-- with: user_events
hours AS (
    SELECT CASE WHEN from_hour > (SELECT min(hour) FROM rollup_hour)
                THEN from_hour ELSE (SELECT min(hour) FROM rollup_hour) END AS hour
    FROM bounds WHERE to_hour > (SELECT min(hour) FROM rollup_hour)
    UNION ALL
    SELECT h.hour + 1 FROM hours h CROSS JOIN bounds b WHERE h.hour + 1 < b.to_hour
),
cells AS (
    -- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
    SELECT hour, series_key, events FROM rollup_hour
    WHERE :user = '' AND series_key + 0 IN (SELECT series_key FROM failed_series)
      AND hour >= (SELECT from_hour FROM bounds) AND hour < (SELECT to_hour FROM bounds)
    UNION ALL
    SELECT time / 3600000000000, series_key, weight FROM user_events
),
counted AS (
    SELECT
        c.hour,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'error'), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'timeout'), 0) AS timeouts
    FROM cells c
    JOIN failed_series f ON f.series_key = c.series_key
    GROUP BY c.hour
)
SELECT
    h.hour * 3600000000000 AS time,
    coalesce(c.errors, 0) AS errors,
    coalesce(c.timeouts, 0) AS timeouts,
    CASE WHEN (h.hour + 1) * 3600000000000 > :to_ns THEN 1 ELSE 0 END AS partial
FROM hours h LEFT JOIN counted c ON c.hour = h.hour
ORDER BY h.hour
