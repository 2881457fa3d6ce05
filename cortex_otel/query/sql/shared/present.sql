-- Who was active in which of the spans (day, from_time, to_time), by segment, perhaps several times;
-- needs spans.
-- with: chosen_segments
active_series AS MATERIALIZED (
    SELECT series_key, segment_key FROM series
    WHERE is_active = 1
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
),
-- with: span_halves
present AS (
    SELECT h.day, u.user_key, u.segment_key
    FROM span_halves h CROSS JOIN rollup_user_day u
    WHERE u.day >= h.from_half / 48 AND u.day <= (h.to_half - 1) / 48 AND h.from_half < h.to_half
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND CASE WHEN u.day = h.to_half / 48
               THEN u.half_hours % (CAST(1 AS bigint) << (h.to_half % 48)) ELSE u.half_hours END
          >> CASE WHEN u.day = h.from_half / 48 THEN h.from_half % 48 ELSE 0 END <> 0
    UNION ALL
    SELECT p.day, e.user_key, s.segment_key
    FROM cut_halves p
    CROSS JOIN events e
    CROSS JOIN active_series s
    WHERE p.from_time < p.to_time AND e.time >= p.from_time AND e.time < p.to_time
      AND s.series_key = e.series_key AND e.user_key IS NOT NULL
    UNION ALL
    -- What was sampled out has no event; but where it was the first or last of a day, it shows.
    SELECT p.day, u.user_key, u.segment_key
    FROM cut_halves p CROSS JOIN rollup_user_day u
    WHERE p.from_time < p.to_time AND u.day = p.from_time / 86400000000000 AND u.half_hours <> 0
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND (u.first_time >= p.from_time AND u.first_time < p.to_time
           OR u.last_time >= p.from_time AND u.last_time < p.to_time)
)
