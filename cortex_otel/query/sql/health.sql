-- title: Health of each service
-- title.ko: 서비스 상태
-- about: How each service did in a short range, from the events themselves: what alerts are put on.
--   A service without any event in the range has no row.
-- since: 15m
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events
-- column: avg_ms ms mean duration of the events that have one
-- column: last_event unix_ns when the latest of them began
-- column: silent_ms ms from then to the end of the range
WITH chosen AS (
    SELECT s.service, s.result, e.time, e.duration, coalesce(e.weight, 1.0) AS weight
    FROM events e JOIN series s ON s.series_key = e.series_key
    WHERE e.time >= :from_ns AND e.time < :to_ns
      AND s.event_type NOT IN ('span', 'log')
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
)
SELECT
    service AS service,
    sum(weight) AS events,
    coalesce(sum(weight) FILTER (WHERE result IN ('error', 'timeout')), 0) AS errors,
    coalesce(sum(weight) FILTER (WHERE result IN ('error', 'timeout')), 0) / sum(weight) AS error_rate,
    sum(weight * duration / 1e6) / sum(weight) FILTER (WHERE duration IS NOT NULL) AS avg_ms,
    max(time) AS last_event,
    (:to_ns - max(time)) / 1e6 AS silent_ms
FROM chosen
GROUP BY service
ORDER BY service
