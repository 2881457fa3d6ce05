-- The spans (day, from_time, to_time) in whole half hours [from_half, to_half), which are bits of the
-- roll-up, and what is left before and after them, cut_halves, for the events; needs spans. Where those
-- aren't kept any more, all of the half hour counts; and where nothing is recorded after the end of the
-- span, that is the same.
span_halves AS MATERIALIZED (
    SELECT
        day, from_time, to_time, from_half,
        CASE WHEN to_half < from_half THEN from_half ELSE to_half END AS to_half
    FROM (
        SELECT
            day, from_time, to_time,
            CASE WHEN from_time % 1800000000000 = 0 THEN from_time / 1800000000000
                 WHEN $EVENTS_GONE(hour, from_time)
                 THEN from_time / 1800000000000
                 ELSE from_time / 1800000000000 + 1 END AS from_half,
            CASE WHEN to_time % 1800000000000 = 0 THEN to_time / 1800000000000
                 WHEN to_time > (SELECT max(time) FROM events) THEN to_time / 1800000000000 + 1
                 WHEN $EVENTS_GONE(hour, to_time)
                 THEN to_time / 1800000000000 + 1
                 ELSE to_time / 1800000000000 END AS to_half
        FROM spans
        WHERE from_time < to_time
    ) AS cut
),
cut_halves AS (
    SELECT
        h.day,
        CASE WHEN n.is_end = 0 THEN h.from_time ELSE h.to_half * 1800000000000 END AS from_time,
        CASE WHEN n.is_end = 0 AND h.from_half * 1800000000000 < h.to_time
             THEN h.from_half * 1800000000000 ELSE h.to_time END AS to_time
    FROM span_halves h CROSS JOIN (SELECT 0 AS is_end UNION ALL SELECT 1) AS n
)
