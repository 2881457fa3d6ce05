-- The days of the range, cut to it, as the spans of which others tell.
-- with: days
spans AS (
    SELECT
        day,
        CASE WHEN from_time < :from_ns THEN :from_ns ELSE from_time END AS from_time,
        CASE WHEN to_time > :to_ns THEN :to_ns ELSE to_time END AS to_time
    FROM days
)
