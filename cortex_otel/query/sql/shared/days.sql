-- The local days of the range, from the first event ever on, each with its first moment and that of
-- the next day; is_over: by the end of the range; is_whole: and the range has all of it.
-- with: local_days
wanted_days AS (
    SELECT from_day, to_day FROM local_days
),
-- with: zone_days
days AS (
    SELECT
        day, from_time, to_time,
        CASE WHEN to_time <= :to_ns THEN 1 ELSE 0 END AS is_over,
        CASE WHEN from_time >= :from_ns AND to_time <= :to_ns THEN 1 ELSE 0 END AS is_whole
    FROM zone_days
)
