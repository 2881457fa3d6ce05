-- The minute of the first product event ever.
recorded AS (
    SELECT min(first_time) / 60000000000 AS first_minute FROM rollup_user_day
    WHERE day = (SELECT min(day) FROM rollup_user_day)
)
