-- title: The user's days
-- about: Product events of one user on each calendar day that had any.
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: user text '' the user hash, or its beginning; empty for nobody
-- column: day epoch_day the calendar day
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: days
chosen AS (
    SELECT
        (e.time + z.offset_ns) / 86400000000000 AS day,
        e.weight,
        CASE WHEN s.is_failed = 1 THEN e.weight ELSE 0 END AS failed
    FROM user_events e
    CROSS JOIN zone_offsets z
    JOIN series s ON s.series_key = e.series_key
    WHERE z.since <= e.time AND e.time < z.until
)
SELECT
    c.day AS day,
    sum(c.weight) AS events,
    sum(c.failed) AS errors,
    1 - max(d.is_whole) AS partial
FROM chosen c JOIN days d ON d.day = c.day
GROUP BY c.day
ORDER BY c.day
