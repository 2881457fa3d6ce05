-- The first hour with a product event that was stored, of a user or of nobody that is known.
first_stored AS (
    SELECT h.hour FROM rollup_hour h CROSS JOIN series s
    WHERE s.series_key = h.series_key AND s.is_product
    ORDER BY h.hour LIMIT 1
),
-- The first product event ever; no row where there is none. That of a user may be one that sampling
-- left out; where events of that hour aren't kept any more, the hour is what is known.
recorded AS (
    SELECT min(first_time) AS first_time
    FROM (
        SELECT min(first_time) AS first_time FROM rollup_user_day
        WHERE day = (SELECT min(day) FROM rollup_user_day)
        UNION ALL
        SELECT coalesce(
            (SELECT min(e.time) FROM events e CROSS JOIN series s
             WHERE e.time >= f.hour * 3600000000000 AND e.time < (f.hour + 1) * 3600000000000
               AND s.series_key = e.series_key AND s.is_product),
            f.hour * 3600000000000
        )
        FROM first_stored f
    ) AS firsts
    HAVING min(first_time) IS NOT NULL
)
