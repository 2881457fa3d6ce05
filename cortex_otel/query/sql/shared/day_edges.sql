-- The range in whole UTC days [first_day, last_day], which roll-ups by user and day answer (none if
-- first_day is after last_day), and the events of users before and after them. Where those aren't
-- kept any more, all of their UTC day counts; and where nothing is recorded after the end of the
-- range, that is the same.
whole_days AS MATERIALIZED (
    SELECT
        CASE WHEN :from_ns % 86400000000000 = 0 THEN :from_ns / 86400000000000
             WHEN $EVENTS_GONE(day, :from_ns)
             THEN :from_ns / 86400000000000
             ELSE :from_ns / 86400000000000 + 1 END AS first_day,
        CASE WHEN :to_ns % 86400000000000 = 0 THEN :to_ns / 86400000000000 - 1
             WHEN :to_ns > (SELECT max(time) FROM events) THEN :to_ns / 86400000000000
             WHEN $EVENTS_GONE(day, :to_ns)
             THEN :to_ns / 86400000000000
             ELSE :to_ns / 86400000000000 - 1 END AS last_day
),
day_edges AS MATERIALIZED (
    SELECT from_time, to_time
    FROM (
        SELECT
            :from_ns AS from_time,
            CASE WHEN first_day * 86400000000000 < :to_ns
                 THEN first_day * 86400000000000 ELSE :to_ns END AS to_time
        FROM whole_days
        UNION ALL
        -- Within one day there is but the one part.
        SELECT (last_day + 1) * 86400000000000, :to_ns FROM whole_days WHERE last_day >= first_day - 1
    ) AS ends
    WHERE from_time < to_time
),
day_edge_events AS (
    SELECT e.time, e.series_key, e.user_key, coalesce(e.weight, 1.0) AS weight
    FROM day_edges g CROSS JOIN events e
    WHERE e.time >= g.from_time AND e.time < g.to_time AND e.user_key IS NOT NULL
)
