-- What users did in the range, to be summed, by segment; last_active is null where it isn't use.
-- with: chosen_segments
-- with: day_edges
user_rows AS (
    SELECT
        u.user_key, u.segment_key, u.events, u.errors,
        u.events - coalesce(x.unrated, 0) AS rated,
        u.errors - coalesce(x.unrated_errors, 0) AS rated_errors,
        CASE WHEN u.half_hours <> 0 THEN u.last_time END AS last_active
    FROM whole_days w
    JOIN rollup_user_day u ON u.day >= w.first_day AND u.day <= w.last_day
    LEFT JOIN rollup_user_aside x
        ON x.day = u.day AND x.user_key = u.user_key AND x.segment_key = u.segment_key
    WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
    UNION ALL
    SELECT
        e.user_key, s.segment_key, e.weight, e.weight * s.is_failed, e.weight * s.in_error_rate,
        e.weight * s.in_error_rate * s.is_failed, CASE WHEN s.is_active = 1 THEN e.time END
    FROM day_edge_events e CROSS JOIN series s
    WHERE s.series_key = e.series_key AND s.is_product = 1
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
)
