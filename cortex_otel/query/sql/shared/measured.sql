-- Measures over the spans, to be summed; needs spans.
-- with: chosen_segments
-- with: span_hours
-- with: measure_keys
-- Which value of an event is a measure, by the event's shape. One of a pair without the other is none.
measured_shapes AS MATERIALIZED (
    SELECT h.shape_key, j.key AS place, m.measure
    FROM shapes h CROSS JOIN json_each(h.keys) j CROSS JOIN measure_keys m
    WHERE m.attribute = j.value
      AND (m.with_attribute = '' OR EXISTS (
        SELECT 1 FROM json_each(h.keys) o WHERE o.value = m.with_attribute
      ))
),
measured AS (
    SELECT p.day, m.measure, m.events, m.total
    FROM span_hours p CROSS JOIN rollup_measure m
    WHERE m.hour >= p.from_hour AND m.hour < p.to_hour
      AND m.segment_key IN (SELECT segment_key FROM chosen_segments)
    UNION ALL
    SELECT day, measure, weight, weight * value
    FROM (
        SELECT
            p.day, h.measure, coalesce(e.weight, 1.0) AS weight,
            e.event_values ->> h.place AS value
        FROM span_edges p
        CROSS JOIN events e
        CROSS JOIN measured_shapes h
        CROSS JOIN series s
        WHERE e.time >= p.from_time AND e.time < p.to_time
          AND h.shape_key = e.shape_key AND s.series_key = e.series_key
          AND s.event_type <> 'span'
          AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    ) AS told
    WHERE value IS NOT NULL
)
