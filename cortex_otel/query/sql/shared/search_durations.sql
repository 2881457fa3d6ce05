-- The duration histogram of searches in each hour of the range; needs bounds and chosen_segments.
-- Hour by hour, since the key of the roll-up begins with it: a look-up an hour in place of reading
-- what all other features have.
search_hours AS (
    SELECT CASE WHEN b.from_hour > r.first_hour THEN b.from_hour ELSE r.first_hour END AS hour
    FROM bounds b CROSS JOIN (SELECT min(hour) AS first_hour FROM rollup_hour) r
    WHERE r.first_hour < b.to_hour
    UNION ALL
    SELECT h.hour + 1
    FROM search_hours h CROSS JOIN bounds b
    WHERE h.hour + 1 < b.to_hour AND h.hour < (SELECT max(hour) FROM rollup_hour)
),
search_durations AS (
    SELECT d.hour, d.bucket, d.events
    FROM search_hours h CROSS JOIN rollup_hour_duration d
    WHERE d.hour = h.hour
      AND d.feature_key IN (
        SELECT feature_key FROM features WHERE event_type = 'mcp.search_context'
      )
      AND d.segment_key IN (SELECT segment_key FROM chosen_segments)
)
