-- Every hour of the range from the first that was recorded on, with its start and whether it is not
-- over at the end of the range; needs bounds.
hours AS (
    SELECT CASE WHEN from_hour > (SELECT min(hour) FROM rollup_hour)
                THEN from_hour ELSE (SELECT min(hour) FROM rollup_hour) END AS hour
    FROM bounds WHERE to_hour > (SELECT min(hour) FROM rollup_hour)
    UNION ALL
    SELECT h.hour + 1 FROM hours h CROSS JOIN bounds b WHERE h.hour + 1 < b.to_hour
),
timed_hours AS (
    SELECT
        hour,
        hour * 3600000000000 AS time,
        CASE WHEN (hour + 1) * 3600000000000 > :to_ns THEN 1 ELSE 0 END AS partial
    FROM hours
)
