-- Each of the started with their week, whether their window is over, whether they paid within it, and
-- whether they were ever active: who only installed the extension wasn't.
-- with: zone_offsets
-- with: started_unpaid
conversions AS (
    SELECT
        ((s.first_seen + z.offset_ns) / 86400000000000 + 3) / 7 AS week,
        CASE WHEN s.first_seen + :window_days * 86400000000000 <= :to_ns THEN 1 ELSE 0 END AS is_over,
        CASE WHEN p.first_paid - s.first_seen <= :window_days * 86400000000000
             THEN 1 ELSE 0 END AS is_converted,
        CASE WHEN u.first_active < :to_ns THEN 0 ELSE 1 END AS is_idle
    FROM started s
    JOIN zone_offsets z ON s.first_seen >= z.since AND s.first_seen < z.until
    JOIN users u ON u.user_key = s.user_key
    LEFT JOIN first_payments p ON p.user_key = s.user_key
)
