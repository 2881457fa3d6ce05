-- The variant that each user saw first of the flag FLAG, where :breakdown is variant:FLAG; else nothing.
exposures AS MATERIALIZED (
    SELECT
        e.user_key, e.time, e.event_key,
        CASE WHEN e.event_values IS NULL THEN c.attributes
             ELSE json_patch(c.attributes, (
                 SELECT json_group_object(k.value, e.event_values -> k.key)
                 FROM shapes h CROSS JOIN json_each(h.keys) k WHERE h.shape_key = e.shape_key
             )) END AS data
    FROM events e JOIN contexts c ON c.context_key = e.context_key
    WHERE :breakdown LIKE 'variant:%' AND e.user_key IS NOT NULL
      AND e.series_key IN (
        SELECT series_key FROM series WHERE event_type = 'feature_flag.evaluation'
      )
),
first_exposures AS MATERIALIZED (
    SELECT user_key, variant
    FROM (
        SELECT
            user_key, data ->> $FEATURE_FLAG_RESULT_VARIANT AS variant,
            row_number() OVER (PARTITION BY user_key ORDER BY time, event_key) AS turn
        FROM exposures
        WHERE 'variant:' || (data ->> $FEATURE_FLAG_KEY) = :breakdown
    ) AS turns
    WHERE turn = 1
)
