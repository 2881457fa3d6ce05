-- The local days of the range from the first event ever on: nothing before it is shown.
recorded AS (
    SELECT min(first_time) / 60000000000 AS first_minute FROM rollup_user_day
    WHERE day = (SELECT min(day) FROM rollup_user_day)
),
local_days AS (
    SELECT
        CASE WHEN :from_ns / 60000000000 > first_minute
             THEN (:from_ns / 60000000000 + :utc_offset_minutes) / 1440
             ELSE (first_minute + :utc_offset_minutes) / 1440 END AS from_day,
        (:to_ns / 60000000000 + :utc_offset_minutes + 1439) / 1440 AS to_day
    FROM recorded
),
days AS (
    SELECT from_day AS day FROM local_days WHERE from_day < to_day
    UNION ALL
    SELECT d.day + 1 FROM days d CROSS JOIN local_days l WHERE d.day + 1 < l.to_day
)
