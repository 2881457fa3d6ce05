-- The first product event ever; no row where there is none.
recorded AS (
    SELECT min(first_time) AS first_time FROM rollup_user_day
    WHERE day = (SELECT min(day) FROM rollup_user_day)
    HAVING min(first_time) IS NOT NULL
)
