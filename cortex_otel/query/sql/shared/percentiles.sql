-- Percentiles of one histogram, by nearest rank; needs the CTE histogram (bucket, events).
ranked AS (
    SELECT bucket, sum(events) OVER (ORDER BY bucket) AS reached, sum(events) OVER () AS total
    FROM histogram
),
percentiles AS (
    SELECT
        (SELECT middle_ms FROM duration_buckets WHERE bucket = r.p50) AS p50_ms,
        (SELECT middle_ms FROM duration_buckets WHERE bucket = r.p95) AS p95_ms,
        (SELECT middle_ms FROM duration_buckets WHERE bucket = r.p99) AS p99_ms
    FROM (
        SELECT
            min(bucket) FILTER (WHERE reached * 100 >= total * 50) AS p50,
            min(bucket) FILTER (WHERE reached * 100 >= total * 95) AS p95,
            min(bucket) FILTER (WHERE reached * 100 >= total * 99) AS p99
        FROM ranked
    ) AS r
)
