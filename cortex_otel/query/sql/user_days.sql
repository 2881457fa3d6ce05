-- title: The user's days
-- about: Product events of one user on each calendar day that had any.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- parameter: user text '' the user hash, or its beginning; empty for nobody
-- column: day epoch_day the calendar day
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: local_range
chosen AS (
    SELECT
        (e.time / 60000000000 + :utc_offset_minutes) / 1440 AS day,
        e.weight,
        CASE WHEN s.is_failed = 1 THEN e.weight ELSE 0 END AS failed
    FROM user_events e JOIN series s ON s.series_key = e.series_key
)
SELECT
    day AS day,
    sum(weight) AS events,
    sum(failed) AS errors,
    CASE WHEN day * 1440 < (SELECT from_minute FROM local_range)
              OR (day + 1) * 1440 > (SELECT to_minute FROM local_range)
         THEN 1 ELSE 0 END AS partial
FROM chosen
GROUP BY day
ORDER BY day
