-- Each series over the range, in the parts that there are of it. What wants few series or one total
-- reads these: adding up each series first costs three times the reading. Kept in a table of their
-- own (MATERIALIZED) they would cost it again.
-- with: bounds
-- with: edge_events
counts AS NOT MATERIALIZED (
    SELECT d.series_key, d.stored, d.events, d.timed, d.duration_us
    FROM bounds b JOIN rollup_day d ON d.day >= b.from_day AND d.day < b.to_day
    UNION ALL
    SELECT h.series_key, h.stored, h.events, h.timed, h.duration_us
    FROM bounds b JOIN rollup_hour h ON h.hour >= b.from_hour AND h.hour < b.head_end
    UNION ALL
    SELECT h.series_key, h.stored, h.events, h.timed, h.duration_us
    FROM bounds b JOIN rollup_hour h ON h.hour >= b.tail_start AND h.hour < b.to_hour
    UNION ALL
    SELECT
        series_key, 1, weight, CASE WHEN duration IS NULL THEN 0 ELSE weight END,
        CASE WHEN duration IS NULL THEN 0 ELSE weight * duration / 1000.0 END
    FROM edge_events
),
-- And added up.
counted AS (
    SELECT
        series_key,
        sum(stored) AS stored,
        sum(events) AS events,
        sum(timed) AS timed,
        sum(duration_us) / 1000.0 AS duration_ms
    FROM counts
    GROUP BY series_key
)
