-- title: Response times
-- about: Durations by event type, slowest P95 first. Percentiles are merged from histograms and
--   never averaged.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: event_type text the event type
-- column: n count events with a duration, weighted by sampling
-- column: p50_ms ms half of the durations are at most this; nearest rank
-- column: p95_ms ms 95 % of the durations are at most this
-- column: p99_ms ms 99 % of the durations are at most this
WITH
-- with: bounds
-- with: chosen_segments
-- with: durations
histogram AS (
    SELECT f.event_type, d.bucket, sum(d.events) AS events
    FROM durations d JOIN features f ON f.feature_key = d.feature_key
    WHERE f.is_product = 1
    GROUP BY f.event_type, d.bucket
),
ranked AS (
    SELECT
        event_type, bucket,
        sum(events) OVER (PARTITION BY event_type ORDER BY bucket) AS reached,
        sum(events) OVER (PARTITION BY event_type) AS total
    FROM histogram
),
percentiles AS (
    SELECT
        event_type,
        max(total) AS n,
        min(bucket) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(bucket) FILTER (WHERE reached * 100 >= total * 95) AS p95,
        min(bucket) FILTER (WHERE reached * 100 >= total * 99) AS p99
    FROM ranked
    GROUP BY event_type
)
SELECT
    p.event_type AS event_type,
    p.n AS n,
    m50.middle_ms AS p50_ms,
    m95.middle_ms AS p95_ms,
    m99.middle_ms AS p99_ms
FROM percentiles p
JOIN duration_buckets m50 ON m50.bucket = p.p50
JOIN duration_buckets m95 ON m95.bucket = p.p95
JOIN duration_buckets m99 ON m99.bucket = p.p99
ORDER BY p.p95 DESC, p.event_type
