-- Every hour of the range from the first that was recorded on, with its start and whether the range
-- has only a part of it.
hours AS (
    SELECT CASE WHEN :from_ns / 3600000000000 > first_hour
                THEN :from_ns / 3600000000000 ELSE first_hour END AS hour
    FROM (SELECT min(hour) AS first_hour FROM rollup_hour) AS recorded_hours
    WHERE :to_ns > first_hour * 3600000000000
    UNION ALL
    SELECT h.hour + 1 FROM hours h WHERE (h.hour + 1) * 3600000000000 < :to_ns
),
timed_hours AS (
    SELECT
        hour,
        hour * 3600000000000 AS time,
        CASE WHEN (hour + 1) * 3600000000000 > :to_ns OR hour * 3600000000000 < :from_ns
             THEN 1 ELSE 0 END AS partial
    FROM hours
)
