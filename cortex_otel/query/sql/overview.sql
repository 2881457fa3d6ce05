-- title: Overview
-- about: How much the product was used, by how many, how well and how fast. Spans of other
--   instrumentations aren't product events and are left out.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates;
--   null without any
-- column: rated count events of those types: n of the rate
-- column: active_users count distinct users who were active
-- column: sessions count sessions that overlap the range
-- column: avg_ms ms mean duration of the events that have one
-- column: timed count events with a duration: n of the mean and the percentiles
-- column: p50_ms ms half of the durations are at most this; nearest rank
-- column: p95_ms ms 95 % of the durations are at most this
-- column: p99_ms ms 99 % of the durations are at most this
WITH
-- with: counted
-- with: durations
-- with: range_span
-- with: present
totals AS (
    SELECT
        coalesce(sum(c.events), 0) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        sum(c.events * s.in_error_rate) AS rated,
        sum(c.events * s.in_error_rate * s.is_failed) AS rated_errors,
        sum(c.timed) AS timed,
        sum(c.duration_us) / 1000.0 AS duration_ms
    FROM counts c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
-- with: sessions_in_range
histogram AS (
    SELECT 0 AS cell, bucket, sum(events) AS events
    FROM durations
    WHERE feature_key NOT IN (SELECT feature_key FROM features WHERE is_product = 0)
    GROUP BY bucket
),
-- with: percentiles
SELECT
    t.events AS events,
    t.errors AS errors,
    t.rated_errors * 1.0 / nullif(t.rated, 0) AS error_rate,
    coalesce(t.rated, 0) AS rated,
    (SELECT count(DISTINCT user_key) FROM present) AS active_users,
    (SELECT count(*) FROM sessions_in_range
     WHERE segment_key IN (SELECT segment_key FROM chosen_segments)) AS sessions,
    t.duration_ms / nullif(t.timed, 0) AS avg_ms,
    coalesce(t.timed, 0) AS timed,
    p.p50_ms AS p50_ms,
    p.p95_ms AS p95_ms,
    p.p99_ms AS p99_ms
FROM totals t LEFT JOIN percentiles p ON p.cell = 0
