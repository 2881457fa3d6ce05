-- title: Tool calls by week
-- about: How long tool calls took in each week (Monday to Sunday) that the range touches; all of the
--   week counts. Percentiles are merged from histograms.
-- since: 28d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: week epoch_day the Monday of the week
-- column: n count calls with a duration: n of the percentiles
-- column: p50_ms ms half of the calls took at most this; nearest rank
-- column: p95_ms ms 95 % of the calls took at most this
-- column: partial flag 1 if the range ends before the week does
WITH RECURSIVE
-- with: local_days
wanted_days AS (
    SELECT (from_day + 3) / 7 * 7 - 3 AS from_day, (to_day + 2) / 7 * 7 + 4 AS to_day FROM local_days
),
-- with: calendar_weeks
spans AS (
    SELECT week AS day, from_time, to_time FROM weeks
),
-- Hour by hour, since the key of the roll-up begins with it.
-- with: chosen_segments
-- with: span_hours
call_hours AS (
    SELECT
        p.day, p.to_hour,
        CASE WHEN p.from_hour > r.first_hour THEN p.from_hour ELSE r.first_hour END AS hour
    FROM span_hours p CROSS JOIN (SELECT min(hour) AS first_hour FROM rollup_hour) r
    WHERE r.first_hour < p.to_hour AND p.from_hour < p.to_hour
    UNION ALL
    SELECT h.day, h.to_hour, h.hour + 1
    FROM call_hours h
    WHERE h.hour + 1 < h.to_hour AND h.hour < (SELECT max(hour) FROM rollup_hour)
),
call_durations AS (
    SELECT h.day, d.bucket, d.events
    FROM call_hours h CROSS JOIN rollup_hour_duration d
    WHERE d.hour = h.hour
      AND d.feature_key IN (SELECT feature_key FROM features WHERE event_type = 'mcp.tool_call')
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
        WHERE event_type = 'mcp.tool_call'
          AND segment_key IN (SELECT segment_key FROM chosen_segments)
      )
),
histogram AS (
    SELECT day AS cell, bucket, sum(events) AS events FROM call_durations GROUP BY day, bucket
),
-- with: percentiles
SELECT
    w.week * 7 - 3 AS week,
    p.n AS n,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    w.partial AS partial
FROM percentiles p JOIN weeks w ON w.week = p.cell
ORDER BY w.week
