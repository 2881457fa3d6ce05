-- The range as whole hours; and as whole UTC days [from_day, to_day), which roll-ups by day answer,
-- with the hours before them, up to head_end, and after them, from tail_start on. Of those days,
-- the whole weeks [from_week, to_week), with the days before and after them in the same way.
bounds AS (
    SELECT
        from_hour, to_hour, from_day, to_day,
        CASE WHEN from_day * 24 < to_hour THEN from_day * 24 ELSE to_hour END AS head_end,
        CASE WHEN to_day >= from_day THEN to_day * 24 ELSE to_hour END AS tail_start,
        (from_day + 6) / 7 AS from_week,
        to_day / 7 AS to_week,
        CASE WHEN (from_day + 6) / 7 * 7 < to_day
             THEN (from_day + 6) / 7 * 7 ELSE to_day END AS head_end_day,
        CASE WHEN to_day / 7 >= (from_day + 6) / 7
             THEN to_day / 7 * 7 ELSE to_day END AS tail_start_day
    FROM (
        SELECT from_hour, to_hour, (from_hour + 23) / 24 AS from_day, to_hour / 24 AS to_day
        FROM (
            SELECT
                :from_ns / 3600000000000 AS from_hour,
                (:to_ns + 3599999999999) / 3600000000000 AS to_hour
        ) AS hours
    ) AS days
)
