-- The range in whole minutes of local time, which days and weeks of a calendar are cut by; and the
-- minute in which its first hour begins, for what is known by the hour alone.
local_range AS (
    SELECT
        :from_ns / 60000000000 + :utc_offset_minutes AS from_minute,
        :from_ns / 3600000000000 * 60 + :utc_offset_minutes AS from_hour_minute,
        :to_ns / 60000000000 + :utc_offset_minutes AS to_minute
)
