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
-- with: durations
histogram AS (
    SELECT f.event_type AS cell, d.bucket, sum(d.events) AS events
    FROM durations d JOIN features f ON f.feature_key = d.feature_key
    WHERE f.is_product = 1
    GROUP BY f.event_type, d.bucket
),
-- with: percentiles
SELECT
    cell AS event_type,
    n AS n,
    p50_ms AS p50_ms,
    p95_ms AS p95_ms,
    p99_ms AS p99_ms
FROM percentiles
ORDER BY p95_ms DESC, cell
