-- The weeks that the range touches, from the first event ever on, all of each.
-- with: local_days
wanted_days AS (
    SELECT (from_day + 3) / 7 * 7 - 3 AS from_day, (to_day + 2) / 7 * 7 + 4 AS to_day FROM local_days
),
-- with: calendar_weeks
spans AS (
    SELECT week AS day, from_time, to_time FROM weeks
)
