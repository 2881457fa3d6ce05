-- The events of the edges.
-- with: bounds
edge_events AS (
    SELECT
        e.time, e.duration, e.series_key, coalesce(e.weight, 1.0) AS weight, e.shape_key,
        e.event_values
    FROM edges g CROSS JOIN events e
    WHERE e.time >= g.from_time AND e.time < g.to_time
)
