-- Who got to which step: of each user the first row that did, and the first row of that attempt. Of
-- attempts that are under way the latest is the best: it has most of the window left. So a running
-- maximum of their starts is kept for each step. Needs asked_steps and funnel_places.
tiers_together AS MATERIALIZED (
    -- One event can reach two tiers in a row: paid without a trial before it.
    SELECT coalesce(sum(a.bit), 0) AS bits
    FROM asked_steps a JOIN asked_steps b ON b.step = a.step - 1
    WHERE a.tier IS NOT NULL AND b.tier IS NOT NULL
),
chain_1 AS (
    SELECT
        user_key, stretch, place, time, bits,
        (SELECT bits FROM tiers_together) AS together,
        CASE WHEN bits & 1 <> 0 AND can_open = 1 THEN place END AS start_1,
        CASE WHEN bits & 1 <> 0 AND can_open = 1 THEN time END AS start_time_1
    FROM funnel_places
    WHERE :order <> 'any'
),
-- Of each row that can be the step: where the latest attempt that came so far began, or the one that
-- reaches two tiers with this row.
chain_2 AS (
    SELECT
        user_key, stretch, place, time, bits, together,
        start_1, start_time_1,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 1)
             THEN open_at END AS start_2,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 1)
             THEN open_time END AS start_time_2
    FROM (
        SELECT
            *,
            CASE WHEN bits & 2 <> 0 THEN 1 ELSE 0 END AS is_step,
            max(start_1) OVER before AS latest,
            coalesce(CASE WHEN together & 2 <> 0 THEN start_1 END, max(start_1) OVER before) AS open_at,
            coalesce(CASE WHEN together & 2 <> 0 THEN start_time_1 END, max(start_time_1) OVER before) AS open_time
        FROM chain_1
        WINDOW before AS (
            PARTITION BY user_key, stretch ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS opened
),
chain_3 AS (
    SELECT
        user_key, stretch, place, time, bits, together,
        start_1, start_time_1, start_2, start_time_2,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 2)
             THEN open_at END AS start_3,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 2)
             THEN open_time END AS start_time_3
    FROM (
        SELECT
            *,
            CASE WHEN bits & 4 <> 0 THEN 1 ELSE 0 END AS is_step,
            max(start_2) OVER before AS latest,
            coalesce(CASE WHEN together & 4 <> 0 THEN start_2 END, max(start_2) OVER before) AS open_at,
            coalesce(CASE WHEN together & 4 <> 0 THEN start_time_2 END, max(start_time_2) OVER before) AS open_time
        FROM chain_2
        WINDOW before AS (
            PARTITION BY user_key, stretch ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS opened
),
chain_4 AS (
    SELECT
        user_key, stretch, place, time, bits, together,
        start_1, start_time_1, start_2, start_time_2, start_3, start_time_3,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 3)
             THEN open_at END AS start_4,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 3)
             THEN open_time END AS start_time_4
    FROM (
        SELECT
            *,
            CASE WHEN bits & 8 <> 0 THEN 1 ELSE 0 END AS is_step,
            max(start_3) OVER before AS latest,
            coalesce(CASE WHEN together & 8 <> 0 THEN start_3 END, max(start_3) OVER before) AS open_at,
            coalesce(CASE WHEN together & 8 <> 0 THEN start_time_3 END, max(start_time_3) OVER before) AS open_time
        FROM chain_3
        WINDOW before AS (
            PARTITION BY user_key, stretch ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS opened
),
chain_5 AS (
    SELECT
        user_key, stretch, place, time, bits, together,
        start_1, start_time_1, start_2, start_time_2, start_3, start_time_3, start_4, start_time_4,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 4)
             THEN open_at END AS start_5,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 4)
             THEN open_time END AS start_time_5
    FROM (
        SELECT
            *,
            CASE WHEN bits & 16 <> 0 THEN 1 ELSE 0 END AS is_step,
            max(start_4) OVER before AS latest,
            coalesce(CASE WHEN together & 16 <> 0 THEN start_4 END, max(start_4) OVER before) AS open_at,
            coalesce(CASE WHEN together & 16 <> 0 THEN start_time_4 END, max(start_time_4) OVER before) AS open_time
        FROM chain_4
        WINDOW before AS (
            PARTITION BY user_key, stretch ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS opened
),
chain_6 AS (
    SELECT
        user_key, stretch, place, time, bits, together,
        start_1, start_time_1, start_2, start_time_2, start_3, start_time_3, start_4, start_time_4, start_5, start_time_5,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 5)
             THEN open_at END AS start_6,
        CASE WHEN is_step = 1 AND time - open_time <= :within_s * 1000000000
                  AND (:order <> 'strict' OR latest = place - 5)
             THEN open_time END AS start_time_6
    FROM (
        SELECT
            *,
            CASE WHEN bits & 32 <> 0 THEN 1 ELSE 0 END AS is_step,
            max(start_5) OVER before AS latest,
            coalesce(CASE WHEN together & 32 <> 0 THEN start_5 END, max(start_5) OVER before) AS open_at,
            coalesce(CASE WHEN together & 32 <> 0 THEN start_time_5 END, max(start_time_5) OVER before) AS open_time
        FROM chain_5
        WINDOW before AS (
            PARTITION BY user_key, stretch ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS opened
),
-- In any order: the next row of each step, from each row on that may start an attempt.
next_rows AS (
    SELECT
        user_key, place, time, bits, can_open,
        min(CASE WHEN bits & 1 <> 0 THEN place END) OVER from_here AS place_1,
        min(CASE WHEN bits & 1 <> 0 THEN time END) OVER from_here AS time_1,
        min(CASE WHEN bits & 2 <> 0 THEN place END) OVER from_here AS place_2,
        min(CASE WHEN bits & 2 <> 0 THEN time END) OVER from_here AS time_2,
        min(CASE WHEN bits & 4 <> 0 THEN place END) OVER from_here AS place_3,
        min(CASE WHEN bits & 4 <> 0 THEN time END) OVER from_here AS time_3,
        min(CASE WHEN bits & 8 <> 0 THEN place END) OVER from_here AS place_4,
        min(CASE WHEN bits & 8 <> 0 THEN time END) OVER from_here AS time_4,
        min(CASE WHEN bits & 16 <> 0 THEN place END) OVER from_here AS place_5,
        min(CASE WHEN bits & 16 <> 0 THEN time END) OVER from_here AS time_5,
        min(CASE WHEN bits & 32 <> 0 THEN place END) OVER from_here AS place_6,
        min(CASE WHEN bits & 32 <> 0 THEN time END) OVER from_here AS time_6
    FROM funnel_places
    WHERE :order = 'any'
    WINDOW from_here AS (
        PARTITION BY user_key, stretch ORDER BY place ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    )
),
any_steps AS (
    SELECT
        n.user_key, n.place AS start, n.time AS start_time,
        CASE t.step WHEN 1 THEN place_1 WHEN 2 THEN place_2 WHEN 3 THEN place_3 WHEN 4 THEN place_4 WHEN 5 THEN place_5 WHEN 6 THEN place_6 END AS place,
        CASE t.step WHEN 1 THEN time_1 WHEN 2 THEN time_2 WHEN 3 THEN time_3 WHEN 4 THEN time_4 WHEN 5 THEN time_5 WHEN 6 THEN time_6 END AS time
    FROM next_rows n CROSS JOIN asked_steps t
    WHERE n.bits <> 0 AND n.can_open = 1
),
every_reach AS (
    SELECT
        c.user_key, t.step, c.place, c.time,
        CASE t.step WHEN 1 THEN start_1 WHEN 2 THEN start_2 WHEN 3 THEN start_3 WHEN 4 THEN start_4 WHEN 5 THEN start_5 WHEN 6 THEN start_6 END AS start,
        CASE t.step WHEN 1 THEN start_time_1 WHEN 2 THEN start_time_2 WHEN 3 THEN start_time_3 WHEN 4 THEN start_time_4 WHEN 5 THEN start_time_5 WHEN 6 THEN start_time_6 END AS start_time
    FROM chain_6 c CROSS JOIN asked_steps t
    UNION ALL
    SELECT
        user_key,
        row_number() OVER (PARTITION BY user_key, start ORDER BY place) AS step,
        place, time, start, start_time
    FROM any_steps
    WHERE time - start_time <= :within_s * 1000000000
),
reached AS MATERIALIZED (
    SELECT
        user_key, step, time, start, start_time, max(step) OVER (PARTITION BY user_key) AS last_step
    FROM (
        SELECT
            r.*,
            row_number() OVER (PARTITION BY user_key, step ORDER BY place, start DESC) AS turn
        FROM every_reach r
        WHERE start IS NOT NULL
    ) AS turns
    WHERE turn = 1
),
-- The attempt that counts, of each user: the one that got furthest, of several the first to do so.
attempts AS MATERIALIZED (
    SELECT
        r.user_key, r.step, r.time, r.start_time, p.source,
        CASE WHEN r.start_time + :within_s * 1000000000 > (SELECT as_of FROM funnel_ends)
             THEN 1 ELSE 0 END AS is_pending
    FROM reached r
    JOIN funnel_places p ON p.user_key = r.user_key AND p.place = r.start
    WHERE r.step = r.last_step
)
