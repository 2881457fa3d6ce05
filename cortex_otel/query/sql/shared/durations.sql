-- The duration histograms over the range, to be added up; needs bounds.
durations AS (
    SELECT d.feature_key, d.segment_key, d.bucket, d.events
    FROM bounds b JOIN rollup_day_duration d ON d.day >= b.from_day AND d.day < b.to_day
    UNION ALL
    SELECT h.feature_key, h.segment_key, h.bucket, h.events
    FROM bounds b JOIN rollup_hour_duration h ON h.hour >= b.from_hour AND h.hour < b.head_end
    UNION ALL
    SELECT h.feature_key, h.segment_key, h.bucket, h.events
    FROM bounds b JOIN rollup_hour_duration h ON h.hour >= b.tail_start AND h.hour < b.to_hour
)
