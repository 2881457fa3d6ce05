-- Events and failures of the range by hour, to be summed; needs chosen_series.
-- with: edge_events
hour_counts AS (
    SELECT
        h.hour,
        sum(h.events) AS events,
        sum(h.events * s.is_failed) AS errors,
        sum(h.events * s.in_error_rate) AS rated,
        sum(h.events * s.in_error_rate * s.is_failed) AS rated_errors
    -- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
    FROM rollup_hour h
    JOIN chosen_series s ON s.series_key = h.series_key
    WHERE h.hour >= (SELECT from_hour FROM bounds) AND h.hour < (SELECT to_hour FROM bounds)
    GROUP BY h.hour
    UNION ALL
    SELECT
        e.time / 3600000000000, e.weight, e.weight * s.is_failed, e.weight * s.in_error_rate,
        e.weight * s.in_error_rate * s.is_failed
    -- CROSS JOIN, here and elsewhere: else SQLite looks for the events of each series.
    FROM edge_events e CROSS JOIN chosen_series s
    WHERE s.series_key = e.series_key
)
