-- The sums of measures over the range, by feature; needs bounds and chosen_segments.
measured AS (
    SELECT m.measure, m.feature_key, sum(m.events) AS events, sum(m.total) AS total
    FROM bounds b JOIN rollup_measure m ON m.hour >= b.from_hour AND m.hour < b.to_hour
    WHERE m.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY m.measure, m.feature_key
)
