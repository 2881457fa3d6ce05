-- title: Errors per hour
-- about: Events that failed, and events that timed out, in each hour; an hour without any is 0.
-- events: user
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
-- column: partial flag 1 if the range has only a part of the hour
WITH RECURSIVE
-- with: edge_events
-- with: failed_series
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: hours
cells AS (
    -- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
    SELECT hour, series_key, events FROM rollup_hour
    WHERE :user = '' AND series_key + 0 IN (SELECT series_key FROM failed_series)
      AND hour >= (SELECT from_hour FROM bounds) AND hour < (SELECT to_hour FROM bounds)
    UNION ALL
    SELECT time / 3600000000000, series_key, weight FROM edge_events WHERE :user = ''
    UNION ALL
    SELECT time / 3600000000000, series_key, weight FROM user_events
),
counted AS MATERIALIZED (
    SELECT
        c.hour,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'error'), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'timeout'), 0) AS timeouts
    FROM cells c
    JOIN failed_series f ON f.series_key = c.series_key
    GROUP BY c.hour
)
SELECT
    h.time AS time,
    coalesce(c.errors, 0) AS errors,
    coalesce(c.timeouts, 0) AS timeouts,
    h.partial AS partial
FROM timed_hours h LEFT JOIN counted c ON c.hour = h.hour
ORDER BY h.hour
