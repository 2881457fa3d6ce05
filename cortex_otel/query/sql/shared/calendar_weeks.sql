-- Weeks from Monday to Sunday of the local days that the CTE wanted_days names, whole ones, each with
-- its first moment and that of the next. 1970-01-01 was a Thursday: with 3 days added, weeks begin on
-- Mondays, and that of a week is week * 7 - 3.
-- with: zone_days
weeks AS MATERIALIZED (
    SELECT
        (day + 3) / 7 AS week,
        min(from_time) AS from_time,
        max(to_time) AS to_time,
        CASE WHEN max(to_time) > :to_ns THEN 1 ELSE 0 END AS partial
    FROM zone_days
    GROUP BY (day + 3) / 7
)
