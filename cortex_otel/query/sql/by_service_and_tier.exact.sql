-- about: From the events of exactly the range.
WITH
-- with: events_in_range
-- with: chosen_segments
-- with: segment_cells
chosen AS (
    SELECT k.cell, e.duration, e.weight, s.is_failed, s.in_error_rate
    FROM events_in_range e
    JOIN series s ON s.series_key = e.series_key
    JOIN segment_cells k ON k.segment_key = s.segment_key
    WHERE s.is_product = 1
),
totals AS (
    SELECT
        cell,
        sum(weight) AS events,
        sum(weight * in_error_rate) AS rated,
        sum(weight * in_error_rate * is_failed) AS rated_errors,
        coalesce(sum(weight) FILTER (WHERE duration IS NOT NULL), 0) AS timed,
        sum(weight * duration / 1e6) AS duration_ms
    FROM chosen
    GROUP BY cell
),
ranked AS (
    SELECT
        cell,
        duration / 1e6 AS duration_ms,
        sum(weight) OVER (PARTITION BY cell ORDER BY duration) AS reached,
        sum(weight) OVER (PARTITION BY cell) AS total
    FROM chosen WHERE duration IS NOT NULL
),
percentiles AS (
    SELECT
        cell,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 95) AS p95,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 99) AS p99
    FROM ranked
    GROUP BY cell
)
SELECT
    n.service AS service,
    n.user_tier AS user_tier,
    t.events AS events,
    t.rated AS rated,
    t.rated_errors / nullif(t.rated, 0) AS error_rate,
    t.duration_ms / nullif(t.timed, 0) AS avg_ms,
    t.timed AS timed,
    p.p95 AS p95_ms,
    p.p99 AS p99_ms
FROM totals t
JOIN cells n ON n.cell = t.cell
LEFT JOIN percentiles p ON p.cell = t.cell
ORDER BY n.service, n.user_tier
