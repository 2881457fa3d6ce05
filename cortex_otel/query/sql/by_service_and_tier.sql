-- title: Errors and response times by service and tier
-- about: What the overview says, for each service, each tier, each of both, and for all: an empty service
--   or tier is all of them. What had no product event has no row.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service; empty for all
-- column: user_tier free|trial|paid|enterprise the tier; empty for all
-- column: events count product events, weighted by sampling
-- column: rated count of these, of the event types that count in error rates
-- column: error_rate ratio errors / events, of those; null without any
-- column: avg_ms ms mean duration of the events that have one
-- column: timed count events with a duration: n of the mean and the percentiles
-- column: p95_ms ms 95 % of the durations are at most this; nearest rank
-- column: p99_ms ms 99 % of the durations are at most this
WITH
-- with: counted
-- with: durations
-- with: segment_cells
totals AS (
    SELECT
        k.cell,
        sum(c.events) AS events,
        sum(c.events * s.in_error_rate) AS rated,
        sum(c.events * s.in_error_rate * s.is_failed) AS rated_errors,
        sum(c.timed) AS timed,
        sum(c.duration_us) / 1000.0 AS duration_ms
    FROM counts c
    JOIN series s ON s.series_key = c.series_key
    JOIN segment_cells k ON k.segment_key = s.segment_key
    WHERE s.is_product = 1
    GROUP BY k.cell
),
histogram AS (
    SELECT k.cell, d.bucket, sum(d.events) AS events
    FROM durations d JOIN segment_cells k ON k.segment_key = d.segment_key
    WHERE d.feature_key NOT IN (SELECT feature_key FROM features WHERE is_product = 0)
    GROUP BY k.cell, d.bucket
),
-- with: percentiles
SELECT
    n.service AS service,
    n.user_tier AS user_tier,
    t.events AS events,
    t.rated AS rated,
    t.rated_errors * 1.0 / nullif(t.rated, 0) AS error_rate,
    t.duration_ms / nullif(t.timed, 0) AS avg_ms,
    t.timed AS timed,
    p.p95_ms AS p95_ms,
    p.p99_ms AS p99_ms
FROM totals t
JOIN cells n ON n.cell = t.cell
LEFT JOIN percentiles p ON p.cell = t.cell
ORDER BY n.service, n.user_tier
