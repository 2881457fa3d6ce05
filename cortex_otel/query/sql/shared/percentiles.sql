-- Percentiles of histograms, by nearest rank; needs the CTE histogram (cell, bucket, events), where
-- cell tells one histogram from the other. Within the bucket of the rank, durations are taken to lie
-- evenly on its logarithmic scale: x is how far the rank is in it, times ln(2) / 8, the width of a
-- bucket; 1 + x + x²/2 + x³/6 is e to the x, to six digits.
ranked AS (
    SELECT
        cell, bucket, events,
        sum(events) OVER (PARTITION BY cell ORDER BY bucket) AS reached,
        sum(events) OVER (PARTITION BY cell) AS total
    FROM histogram
),
ranks AS (
    SELECT
        r.cell, r.total, r.reached, b.lower_ns / 1e6 AS lower_ms,
        (CAST(r.total * 0.5 + 0.999999 AS bigint) - r.reached + r.events - 0.5) / r.events AS place50,
        (CAST(r.total * 0.95 + 0.999999 AS bigint) - r.reached + r.events - 0.5) / r.events AS place95,
        (CAST(r.total * 0.99 + 0.999999 AS bigint) - r.reached + r.events - 0.5) / r.events AS place99
    FROM ranked r JOIN duration_buckets b ON b.bucket = r.bucket
    WHERE r.events > 0
),
places AS (
    SELECT
        cell, total, reached, lower_ms,
        0.0866433975699932 * CASE WHEN place50 < 0 THEN 0 WHEN place50 > 1 THEN 1 ELSE place50 END
            AS x50,
        0.0866433975699932 * CASE WHEN place95 < 0 THEN 0 WHEN place95 > 1 THEN 1 ELSE place95 END
            AS x95,
        0.0866433975699932 * CASE WHEN place99 < 0 THEN 0 WHEN place99 > 1 THEN 1 ELSE place99 END
            AS x99
    FROM ranks
),
percentiles AS (
    SELECT
        cell,
        max(total) AS n,
        min(lower_ms * (1 + x50 * (1 + x50 / 2 * (1 + x50 / 3))))
            FILTER (WHERE reached * 100 >= total * 50) AS p50_ms,
        min(lower_ms * (1 + x95 * (1 + x95 / 2 * (1 + x95 / 3))))
            FILTER (WHERE reached * 100 >= total * 95) AS p95_ms,
        min(lower_ms * (1 + x99 * (1 + x99 / 2 * (1 + x99 / 3))))
            FILTER (WHERE reached * 100 >= total * 99) AS p99_ms
    FROM places
    GROUP BY cell
)
