-- The range in parts. Whole hours [from_hour, to_hour), which roll-ups answer, and edges: what is left
-- before and after them, for the events. Where those of an edge aren't kept any more, all of its hour
-- counts; and where nothing is recorded after the end of the range, that is the same. Of the hours the
-- whole UTC days [from_day, to_day), which roll-ups by day answer, with the hours before them, up to
-- head_end, and after them, from tail_start on. Of those days, the whole weeks [from_week, to_week),
-- with the days before and after them in the same way.
bounds AS MATERIALIZED (
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
        SELECT
            from_hour,
            CASE WHEN to_hour < from_hour THEN from_hour ELSE to_hour END AS to_hour,
            (from_hour + 23) / 24 AS from_day,
            CASE WHEN to_hour < from_hour THEN from_hour ELSE to_hour END / 24 AS to_day
        FROM (
            SELECT
                CASE WHEN :from_ns % 3600000000000 = 0 THEN :from_ns / 3600000000000
                     WHEN $EVENTS_GONE(hour, :from_ns)
                     THEN :from_ns / 3600000000000
                     ELSE :from_ns / 3600000000000 + 1 END AS from_hour,
                CASE WHEN :to_ns % 3600000000000 = 0 THEN :to_ns / 3600000000000
                     WHEN :to_ns > (SELECT max(time) FROM events) THEN :to_ns / 3600000000000 + 1
                     WHEN $EVENTS_GONE(hour, :to_ns)
                     THEN :to_ns / 3600000000000 + 1
                     ELSE :to_ns / 3600000000000 END AS to_hour
        ) AS cut
    ) AS hours
),
edges AS MATERIALIZED (
    SELECT from_time, to_time
    FROM (
        SELECT
            :from_ns AS from_time,
            CASE WHEN from_hour * 3600000000000 < :to_ns
                 THEN from_hour * 3600000000000 ELSE :to_ns END AS to_time
        FROM bounds
        UNION ALL
        SELECT to_hour * 3600000000000, :to_ns FROM bounds
    ) AS ends
    WHERE from_time < to_time
)
