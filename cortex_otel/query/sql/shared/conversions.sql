-- Each of the started with their week, whether their window is over, and whether they paid within it.
-- with: zone_offsets
-- with: started_unpaid
conversions AS (
    SELECT
        ((s.first_seen + z.offset_ns) / 86400000000000 + 3) / 7 AS week,
        CASE WHEN s.first_seen + :window_days * 86400000000000 <= :to_ns THEN 1 ELSE 0 END AS is_over,
        CASE WHEN p.first_paid - s.first_seen <= :window_days * 86400000000000
             THEN 1 ELSE 0 END AS is_converted
    FROM started s
    JOIN zone_offsets z ON s.first_seen >= z.since AND s.first_seen < z.until
    LEFT JOIN first_payments p ON p.user_key = s.user_key
)
