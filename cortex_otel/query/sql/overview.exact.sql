-- about: From the events of exactly the range.
WITH
-- with: events_in_range
-- with: range_span
-- with: present
-- with: sessions_in_range
chosen AS (
    SELECT e.duration, e.weight, s.is_failed, s.in_error_rate
    FROM events_in_range e JOIN series s ON s.series_key = e.series_key
    WHERE s.is_product = 1
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
totals AS (
    SELECT
        coalesce(sum(weight), 0) AS events,
        coalesce(sum(weight) FILTER (WHERE is_failed = 1), 0) AS errors,
        sum(weight * in_error_rate) AS rated,
        sum(weight * in_error_rate * is_failed) AS rated_errors,
        sum(weight) FILTER (WHERE duration IS NOT NULL) AS timed,
        sum(weight * duration / 1e6) AS duration_ms
    FROM chosen
),
ranked AS (
    SELECT
        duration / 1e6 AS duration_ms,
        sum(weight) OVER (ORDER BY duration) AS reached,
        sum(weight) OVER () AS total
    FROM chosen WHERE duration IS NOT NULL
),
percentiles AS (
    SELECT
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 95) AS p95,
        min(duration_ms) FILTER (WHERE reached * 100 >= total * 99) AS p99
    FROM ranked
)
SELECT
    t.events AS events,
    t.errors AS errors,
    t.rated_errors / nullif(t.rated, 0) AS error_rate,
    coalesce(t.rated, 0) AS rated,
    (SELECT count(DISTINCT user_key) FROM present) AS active_users,
    (SELECT count(*) FROM sessions_in_range
     WHERE segment_key IN (SELECT segment_key FROM chosen_segments)) AS sessions,
    t.duration_ms / nullif(t.timed, 0) AS avg_ms,
    coalesce(t.timed, 0) AS timed,
    p.p50 AS p50_ms,
    p.p95 AS p95_ms,
    p.p99 AS p99_ms
FROM totals t CROSS JOIN percentiles p
