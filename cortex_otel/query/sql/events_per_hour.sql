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
-- column: partial flag 1 if the range has only a part of the hour
WITH RECURSIVE
-- with: chosen_series
-- with: hour_counts
-- with: hours
counted AS MATERIALIZED (
    SELECT hour, sum(events) AS events, sum(errors) AS errors FROM hour_counts GROUP BY hour
)
SELECT
    h.time AS time,
    coalesce(c.events, 0) AS events,
    coalesce(c.errors, 0) AS errors,
    h.partial AS partial
FROM timed_hours h LEFT JOIN counted c ON c.hour = h.hour
ORDER BY h.hour
