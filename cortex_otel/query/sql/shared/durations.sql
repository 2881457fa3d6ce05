-- The duration histograms over the range, added up by feature, segment and bucket. Features are for
-- the question to choose. The three keys are one number while they are added up: SQLite sorts
-- numbers in half the time, and choosing before would cost more.
-- with: bounds
-- with: chosen_segments
-- with: edge_events
durations AS (
    SELECT
        cell / 4294967296 AS feature_key,
        cell / 1024 % 4194304 AS segment_key,
        cell % 1024 AS bucket,
        events
    FROM (
        SELECT cell, sum(events) AS events
        FROM (
            SELECT feature_key * 4294967296 + segment_key * 1024 + bucket AS cell, w.events
            FROM bounds b JOIN rollup_week_duration w ON w.week >= b.from_week AND w.week < b.to_week
            UNION ALL
            SELECT feature_key * 4294967296 + segment_key * 1024 + bucket, d.events
            FROM bounds b JOIN rollup_day_duration d
                ON d.day >= b.from_day AND d.day < b.head_end_day
            UNION ALL
            SELECT feature_key * 4294967296 + segment_key * 1024 + bucket, d.events
            FROM bounds b JOIN rollup_day_duration d
                ON d.day >= b.tail_start_day AND d.day < b.to_day
            UNION ALL
            SELECT feature_key * 4294967296 + segment_key * 1024 + bucket, h.events
            FROM bounds b JOIN rollup_hour_duration h
                ON h.hour >= b.from_hour AND h.hour < b.head_end
            UNION ALL
            SELECT feature_key * 4294967296 + segment_key * 1024 + bucket, h.events
            FROM bounds b JOIN rollup_hour_duration h
                ON h.hour >= b.tail_start AND h.hour < b.to_hour
            UNION ALL
            SELECT
                s.feature_key * 4294967296 + s.segment_key * 1024
                + (SELECT bucket FROM duration_buckets WHERE lower_ns <= e.duration
                   ORDER BY lower_ns DESC LIMIT 1),
                e.weight
            FROM edge_events e CROSS JOIN series s
            WHERE s.series_key = e.series_key AND e.duration IS NOT NULL
        ) AS parts
        GROUP BY cell
    ) AS cells
    WHERE cell / 1024 % 4194304 IN (SELECT segment_key FROM chosen_segments)
)
