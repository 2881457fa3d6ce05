-- title: Health of each service
-- about: How each service did in exactly the range, usually a short one; alerts are set on it. A
--   service without any event in the range has no row.
-- since: 15m
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
-- column: rated count events of those types: n of the rate
-- column: rated_errors count of these, failed or timed out
-- column: avg_ms ms mean duration of the events that have one
-- column: timed count events with a duration: n of the mean
-- column: last_event unix_ns when the latest of them began
-- column: silent_ms ms from then to the end of the range
WITH
-- with: counted
-- with: chosen_series
-- MATERIALIZED: read three times, and no index has all of its columns.
chosen AS MATERIALIZED (
    SELECT series_key, service, is_failed, in_error_rate FROM chosen_series
),
parts AS (
    SELECT series_key, events, timed, duration_ms, NULL AS last_time FROM counted
    UNION ALL
    SELECT series_key, 0, 0, NULL, time FROM edge_events
),
totals AS (
    SELECT
        s.service,
        sum(p.events) AS events,
        sum(p.events * s.is_failed) AS errors,
        sum(p.events * s.in_error_rate) AS rated,
        sum(p.events * s.in_error_rate * s.is_failed) AS rated_errors,
        sum(p.timed) AS timed,
        sum(p.duration_ms) AS duration_ms,
        max(p.last_time) AS last_time,
        -- Of those whose last event is in a whole hour.
        (SELECT h.hour
         FROM rollup_hour h
         WHERE h.hour >= (SELECT from_hour FROM bounds) AND h.hour < (SELECT to_hour FROM bounds)
           AND h.series_key + 0 IN (SELECT series_key FROM chosen o WHERE o.service = s.service)
         ORDER BY h.hour DESC LIMIT 1) AS last_hour
    FROM parts p JOIN chosen s ON s.series_key = p.series_key
    GROUP BY s.service
),
lasts AS (
    SELECT
        t.service, t.events, t.errors, t.rated, t.rated_errors, t.timed, t.duration_ms,
        CASE WHEN t.last_time >= (SELECT to_hour FROM bounds) * 3600000000000
               OR t.last_hour IS NULL
             THEN t.last_time
             ELSE coalesce((
                SELECT e.time FROM events e
                WHERE e.time >= t.last_hour * 3600000000000
                  AND e.time < (t.last_hour + 1) * 3600000000000
                  AND e.series_key + 0 IN (
                    SELECT series_key FROM chosen o WHERE o.service = t.service
                  )
                ORDER BY e.time DESC LIMIT 1
             ), t.last_hour * 3600000000000) END AS last_event
    FROM totals t
)
SELECT
    service AS service,
    events AS events,
    errors AS errors,
    rated_errors * 1.0 / nullif(rated, 0) AS error_rate,
    rated AS rated,
    rated_errors AS rated_errors,
    duration_ms / nullif(timed, 0) AS avg_ms,
    timed AS timed,
    last_event AS last_event,
    (:to_ns - last_event) / 1e6 AS silent_ms
FROM lasts
ORDER BY service
