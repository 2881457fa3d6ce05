-- The local days of the range from the first event ever on: nothing before it is shown; needs
-- recorded and local_range.
local_days AS (
    SELECT
        CASE WHEN from_minute > first_minute + :utc_offset_minutes
             THEN from_minute / 1440
             ELSE (first_minute + :utc_offset_minutes) / 1440 END AS from_day,
        (to_minute + 1439) / 1440 AS to_day
    FROM recorded CROSS JOIN local_range
),
days AS (
    SELECT from_day AS day FROM local_days WHERE from_day < to_day
    UNION ALL
    SELECT d.day + 1 FROM days d CROSS JOIN local_days l WHERE d.day + 1 < l.to_day
)
