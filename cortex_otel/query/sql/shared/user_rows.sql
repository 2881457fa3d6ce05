-- What users did in the range, to be summed, by segment.
-- with: chosen_segments
-- with: day_edges
user_rows AS (
    SELECT u.user_key, u.segment_key, u.events, u.errors, u.last_time
    FROM whole_days w JOIN rollup_user_day u ON u.day >= w.first_day AND u.day <= w.last_day
    WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
    UNION ALL
    SELECT e.user_key, s.segment_key, e.weight, e.weight * s.is_failed, e.time
    FROM day_edge_events e CROSS JOIN series s
    WHERE s.series_key = e.series_key AND s.is_product = 1
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
)
