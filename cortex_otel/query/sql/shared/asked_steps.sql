-- The steps of :steps and what :exclude names, a row each, and which series match; a tier step is no
-- event. Both are a JSON array of texts, or texts joined by ' > '; char(34, 44, 34) is the comma
-- between two of them, with its quotation marks.
-- with: known_tiers
asked_steps AS MATERIALIZED (
    SELECT
        key + 1 AS step,
        trim(value) AS name,
        CASE WHEN trim(value) LIKE 'tier:%' THEN substr(trim(value), 6) END AS tier,
        CAST(1 AS bigint) << key AS bit
    FROM json_each(
        CASE WHEN :steps LIKE '[%' THEN :steps
             ELSE '[' || replace(json_quote(:steps), ' > ', char(34, 44, 34)) || ']' END
    )
),
step_series AS MATERIALIZED (
    SELECT s.series_key, min(t.step) AS first_step, sum(t.bit) AS bits
    FROM series s
    JOIN asked_steps t ON t.name IN (s.event_type, s.event_type || ':' || s.feature)
    WHERE s.is_product = 1
    GROUP BY s.series_key
),
excluded_series AS MATERIALIZED (
    SELECT DISTINCT s.series_key
    FROM series s
    JOIN json_each(
        CASE WHEN :exclude = '' THEN '[]' WHEN :exclude LIKE '[%' THEN :exclude
             ELSE '[' || replace(json_quote(:exclude), ' > ', char(34, 44, 34)) || ']' END
    ) t ON trim(t.value) IN (s.event_type, s.event_type || ':' || s.feature)
    WHERE s.is_product = 1
)
