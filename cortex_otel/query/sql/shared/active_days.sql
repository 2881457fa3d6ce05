-- Who was active on which local day, perhaps twice; of the UTC days [from_day, to_day) that the
-- CTE scanned names; needs chosen_segments. Half hours of a UTC day below split belong to the local
-- day that is first_day after it, those from split on to the next.
zone AS (
    SELECT
        CASE WHEN :utc_offset_minutes < 0 THEN -1 ELSE 0 END AS first_day,
        48 - (:utc_offset_minutes / 30 + 48) % 48 AS split
),
active_days AS (
    SELECT u.day + z.first_day AS day, u.user_key
    FROM scanned s
    CROSS JOIN zone z
    JOIN rollup_user_day u ON u.day >= s.from_day AND u.day < s.to_day
    WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND u.half_hours % (CAST(1 AS bigint) << z.split) <> 0
    UNION ALL
    SELECT u.day + z.first_day + 1, u.user_key
    FROM scanned s
    CROSS JOIN zone z
    JOIN rollup_user_day u ON u.day >= s.from_day AND u.day < s.to_day
    WHERE z.split < 48
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND u.half_hours >> z.split <> 0
)
