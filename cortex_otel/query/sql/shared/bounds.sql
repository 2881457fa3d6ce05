-- The range as whole hours; and as whole UTC days [from_day, to_day), which roll-ups by day answer,
-- with the hours before them, up to head_end, and after them, from tail_start on.
bounds AS (
    SELECT
        from_hour, to_hour,
        (from_hour + 23) / 24 AS from_day,
        to_hour / 24 AS to_day,
        CASE WHEN (from_hour + 23) / 24 * 24 < to_hour
             THEN (from_hour + 23) / 24 * 24 ELSE to_hour END AS head_end,
        CASE WHEN to_hour / 24 * 24 >= (from_hour + 23) / 24 * 24
             THEN to_hour / 24 * 24 ELSE to_hour END AS tail_start
    FROM (
        SELECT
            :from_ns / 3600000000000 AS from_hour,
            (:to_ns + 3599999999999) / 3600000000000 AS to_hour
    ) AS hours
)
