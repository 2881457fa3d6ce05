-- Days on which users were active, that reach into the range widened to half hours, by segment; needs chosen_segments.
halves AS (
    SELECT
        :from_ns / 1800000000000 AS from_half,
        (:to_ns + 1799999999999) / 1800000000000 AS to_half
),
active_rows AS (
    SELECT u.day, u.user_key, u.segment_key, u.events, u.errors, u.last_time
    FROM halves b JOIN rollup_user_day u
        ON u.day >= b.from_half / 48 AND u.day <= (b.to_half - 1) / 48
    WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND u.half_hours <> 0
      AND (u.day > b.from_half / 48 OR u.half_hours >> (b.from_half % 48) <> 0)
      AND (u.day < b.to_half / 48
           OR u.half_hours % (CAST(1 AS bigint) << (b.to_half % 48))
              >> CASE WHEN u.day = b.from_half / 48 THEN b.from_half % 48 ELSE 0 END <> 0)
)
