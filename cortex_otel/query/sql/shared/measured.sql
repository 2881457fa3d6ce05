-- Measures over the range, to be summed; needs bounds and chosen_segments.
measured AS (
    SELECT m.measure, m.events, m.total
    FROM bounds b JOIN rollup_measure m ON m.hour >= b.from_hour AND m.hour < b.to_hour
    WHERE m.segment_key IN (SELECT segment_key FROM chosen_segments)
)
