-- Who used which of wanted_features (feature_key) in the range, perhaps several times, by blocks of 32
-- UTC days: bit n of days is the n-th day of the block.
-- with: chosen_segments
-- with: day_edges
used_features AS (
    SELECT d.feature_key, d.user_key, d.block, d.used AS days
    FROM (
        -- The days of the block that are in the range: those after it cut off, those before too.
        SELECT
            u.feature_key, u.user_key, u.block,
            CASE WHEN u.block = w.last_day / 32
                 THEN u.days % (CAST(1 AS bigint) << (w.last_day % 32 + 1)) ELSE u.days END
            >> CASE WHEN u.block = w.first_day / 32 THEN w.first_day % 32 ELSE 0 END
            << CASE WHEN u.block = w.first_day / 32 THEN w.first_day % 32 ELSE 0 END AS used
        FROM rollup_user_feature_days u CROSS JOIN whole_days w
        WHERE u.block >= w.first_day / 32 AND u.block <= w.last_day / 32
          AND w.first_day <= w.last_day
          AND u.feature_key IN (SELECT feature_key FROM wanted_features)
          AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
    ) AS d
    WHERE d.used <> 0
    UNION ALL
    SELECT
        s.feature_key, e.user_key, e.time / 2764800000000000,
        CAST(1 AS bigint) << (e.time / 86400000000000 % 32)
    FROM day_edge_events e CROSS JOIN series s
    WHERE s.series_key = e.series_key AND s.is_product = 1 AND s.feature <> ''
      AND s.feature_key IN (SELECT feature_key FROM wanted_features)
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
)
