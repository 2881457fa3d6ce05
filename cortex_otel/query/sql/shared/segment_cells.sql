-- Each of the chosen segments in up to four cells: that of its service and tier, of its service, of its
-- tier, and of all; '' stands for all of them. Needs chosen_segments.
segment_names AS MATERIALIZED (
    SELECT DISTINCT
        g.segment_key,
        CASE WHEN k.by_service = 1 THEN g.service ELSE '' END AS service,
        CASE WHEN k.by_tier = 1 THEN g.user_tier ELSE '' END AS user_tier
    FROM chosen_segments g
    CROSS JOIN (
        SELECT 0 AS by_service, 0 AS by_tier
        UNION ALL SELECT 0, 1
        UNION ALL SELECT 1, 0
        UNION ALL SELECT 1, 1
    ) AS k
),
cells AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY service, user_tier) AS cell, service, user_tier
    FROM (SELECT DISTINCT service, user_tier FROM segment_names) AS once
),
segment_cells AS MATERIALIZED (
    SELECT n.segment_key, c.cell
    FROM segment_names n JOIN cells c ON c.service = n.service AND c.user_tier = n.user_tier
)
