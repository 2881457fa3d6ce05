-- The duration histograms over the range, still to be added up; needs bounds, chosen_segments and
-- chosen_features. The conditions stand in each part: outside SQLite would check them twice a row.
durations AS (
    SELECT d.feature_key, d.segment_key, d.bucket, d.events
    FROM bounds b JOIN rollup_day_duration d ON d.day >= b.from_day AND d.day < b.to_day
    WHERE d.feature_key IN (SELECT feature_key FROM chosen_features)
      AND d.segment_key IN (SELECT segment_key FROM chosen_segments)
    UNION ALL
    SELECT h.feature_key, h.segment_key, h.bucket, h.events
    FROM bounds b JOIN rollup_hour_duration h ON h.hour >= b.from_hour AND h.hour < b.head_end
    WHERE h.feature_key IN (SELECT feature_key FROM chosen_features)
      AND h.segment_key IN (SELECT segment_key FROM chosen_segments)
    UNION ALL
    SELECT h.feature_key, h.segment_key, h.bucket, h.events
    FROM bounds b JOIN rollup_hour_duration h ON h.hour >= b.tail_start AND h.hour < b.to_hour
    WHERE h.feature_key IN (SELECT feature_key FROM chosen_features)
      AND h.segment_key IN (SELECT segment_key FROM chosen_segments)
)
