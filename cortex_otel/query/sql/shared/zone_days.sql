-- The local days [from_day, to_day) that the CTE wanted_days names, each with its first moment and
-- that of the next day: 23, 24 or 25 hours apart, or whatever the clocks of :time_zone did. A day
-- begins at the first moment whose local time is on it, also where midnight is left out.
-- with: zone_offsets
day_numbers AS (
    SELECT from_day AS day, to_day FROM wanted_days WHERE from_day < to_day
    UNION ALL
    SELECT day + 1, to_day FROM day_numbers WHERE day < to_day
),
day_starts AS MATERIALIZED (
    SELECT
        n.day,
        min(CASE WHEN n.day * 86400000000000 - z.offset_ns > z.since
                 THEN n.day * 86400000000000 - z.offset_ns ELSE z.since END) AS from_time
    FROM day_numbers n CROSS JOIN zone_offsets z
    WHERE n.day * 86400000000000 - z.offset_ns < z.until
    GROUP BY n.day
),
zone_days AS MATERIALIZED (
    SELECT day, from_time, to_time
    FROM (
        SELECT day, from_time, lead(from_time) OVER (ORDER BY day) AS to_time FROM day_starts
    ) AS starts
    WHERE to_time IS NOT NULL
)
