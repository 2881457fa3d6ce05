-- about: From the events of exactly the range.
WITH
-- with: events_in_range
ranked AS (
    SELECT
        s.event_type,
        e.duration / 1e6 AS duration_ms,
        sum(e.weight) OVER (PARTITION BY s.event_type ORDER BY e.duration) AS reached,
        sum(e.weight) OVER (PARTITION BY s.event_type) AS total
    FROM events_in_range e JOIN series s ON s.series_key = e.series_key
    WHERE e.duration IS NOT NULL
      AND s.is_product = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
)
SELECT
    event_type AS event_type,
    max(total) AS n,
    min(duration_ms) FILTER (WHERE reached * 100 >= total * 50) AS p50_ms,
    min(duration_ms) FILTER (WHERE reached * 100 >= total * 95) AS p95_ms,
    min(duration_ms) FILTER (WHERE reached * 100 >= total * 99) AS p99_ms
FROM ranked
GROUP BY event_type
ORDER BY min(duration_ms) FILTER (WHERE reached * 100 >= total * 95) DESC, event_type
