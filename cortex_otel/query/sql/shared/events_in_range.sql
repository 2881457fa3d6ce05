-- The events of exactly the range.
events_in_range AS (
    SELECT time, duration, series_key, user_key, coalesce(weight, 1.0) AS weight
    FROM events
    WHERE time >= :from_ns AND time < :to_ns
)
