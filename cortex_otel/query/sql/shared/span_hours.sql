-- The spans (day, from_time, to_time) in parts; needs spans. Whole hours [from_hour, to_hour), which
-- roll-ups answer, and what is left before and after them, for the events. Where those aren't kept any
-- more, all of the hour counts; and where nothing is recorded after the end of the span, that is the
-- same.
span_hours AS MATERIALIZED (
    SELECT
        day, from_time, to_time, from_hour,
        CASE WHEN to_hour < from_hour THEN from_hour ELSE to_hour END AS to_hour
    FROM (
        SELECT
            day, from_time, to_time,
            CASE WHEN from_time % 3600000000000 = 0 THEN from_time / 3600000000000
                 WHEN $EVENTS_GONE(hour, from_time)
                 THEN from_time / 3600000000000
                 ELSE from_time / 3600000000000 + 1 END AS from_hour,
            CASE WHEN to_time % 3600000000000 = 0 THEN to_time / 3600000000000
                 WHEN to_time > (SELECT max(time) FROM events) THEN to_time / 3600000000000 + 1
                 WHEN $EVENTS_GONE(hour, to_time)
                 THEN to_time / 3600000000000 + 1
                 ELSE to_time / 3600000000000 END AS to_hour
        FROM spans
        WHERE from_time < to_time
    ) AS cut
),
span_edges AS MATERIALIZED (
    SELECT day, from_time, to_time
    FROM (
        SELECT
            day, from_time,
            CASE WHEN from_hour * 3600000000000 < to_time
                 THEN from_hour * 3600000000000 ELSE to_time END AS to_time
        FROM span_hours
        UNION ALL
        SELECT day, to_hour * 3600000000000, to_time FROM span_hours
    ) AS ends
    WHERE from_time < to_time
)
