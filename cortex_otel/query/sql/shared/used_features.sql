-- Who used what on the whole UTC days that the range touches, perhaps several times; needs bounds and
-- chosen_segments.
whole_days AS (
    SELECT from_hour / 24 AS first_day, (to_hour - 1) / 24 AS last_day FROM bounds
),
used_features AS (
    SELECT d.feature_key, d.user_key, d.block, d.used AS days
    FROM (
        -- The days of the block that are in the range: those after it cut off, those before too.
        SELECT
            u.feature_key, u.user_key, u.block,
            CASE WHEN u.block = w.last_day / 32
                 THEN u.days % (CAST(1 AS bigint) << (w.last_day % 32 + 1)) ELSE u.days END
            >> CASE WHEN u.block = w.first_day / 32 THEN w.first_day % 32 ELSE 0 END AS used
        FROM rollup_user_feature_days u CROSS JOIN whole_days w
        WHERE u.block >= w.first_day / 32 AND u.block <= w.last_day / 32
          AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
    ) AS d
    WHERE d.used <> 0
)
