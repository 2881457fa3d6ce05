-- The range, as the one span of which present and others tell.
spans AS (
    SELECT 0 AS day, :from_ns AS from_time, :to_ns AS to_time
)
