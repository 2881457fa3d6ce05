-- The duration histogram of searches in each of the spans; needs spans. Hour by hour, since the key
-- of the roll-up begins with it: a look-up an hour in place of reading what all other features have.
-- with: chosen_segments
-- with: span_hours
search_hours AS (
    SELECT
        p.day, p.to_hour,
        CASE WHEN p.from_hour > r.first_hour THEN p.from_hour ELSE r.first_hour END AS hour
    FROM span_hours p CROSS JOIN (SELECT min(hour) AS first_hour FROM rollup_hour) r
    WHERE r.first_hour < p.to_hour AND p.from_hour < p.to_hour
    UNION ALL
    SELECT h.day, h.to_hour, h.hour + 1
    FROM search_hours h
    WHERE h.hour + 1 < h.to_hour AND h.hour < (SELECT max(hour) FROM rollup_hour)
),
search_durations AS (
    SELECT h.day, d.bucket, d.events
    FROM search_hours h CROSS JOIN rollup_hour_duration d
    WHERE d.hour = h.hour
      AND d.feature_key IN (
        SELECT feature_key FROM features WHERE event_type = 'mcp.search_context'
      )
      AND d.segment_key IN (SELECT segment_key FROM chosen_segments)
    UNION ALL
    SELECT
        p.day,
        (SELECT bucket FROM duration_buckets WHERE lower_ns <= e.duration
         ORDER BY lower_ns DESC LIMIT 1),
        coalesce(e.weight, 1.0)
    FROM span_edges p CROSS JOIN events e
    WHERE e.time >= p.from_time AND e.time < p.to_time AND e.duration IS NOT NULL
      AND e.series_key IN (
        SELECT series_key FROM series
        WHERE event_type = 'mcp.search_context'
          AND segment_key IN (SELECT segment_key FROM chosen_segments)
      )
)
