-- The duration histogram of the event type timed_type (event_type) in each of the spans; needs both.
-- Hour by hour, since the key of the roll-up begins with it: a look-up an hour in place of reading what
-- all other features have.
-- with: chosen_segments
-- with: span_hours
timed_features AS MATERIALIZED (
    SELECT f.feature_key FROM timed_type t JOIN features f ON f.event_type = t.event_type
),
recorded_hours AS (
    SELECT
        p.day, p.to_hour,
        CASE WHEN p.from_hour > r.first_hour THEN p.from_hour ELSE r.first_hour END AS hour
    FROM span_hours p CROSS JOIN (SELECT min(hour) AS first_hour FROM rollup_hour) r
    WHERE r.first_hour < p.to_hour AND p.from_hour < p.to_hour
    UNION ALL
    SELECT h.day, h.to_hour, h.hour + 1
    FROM recorded_hours h
    WHERE h.hour + 1 < h.to_hour AND h.hour < (SELECT max(hour) FROM rollup_hour)
),
span_durations AS (
    SELECT h.day, d.bucket, d.events
    FROM recorded_hours h CROSS JOIN rollup_hour_duration d
    WHERE d.hour = h.hour
      AND d.feature_key IN (SELECT feature_key FROM timed_features)
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
        WHERE event_type IN (SELECT event_type FROM timed_type)
          AND segment_key IN (SELECT segment_key FROM chosen_segments)
      )
)
