-- What of the product people use, by the name that a step of a funnel has too: event type and feature.
-- Of the same name in several services name_key is the same.
named_features AS MATERIALIZED (
    SELECT
        feature_key,
        event_type || ':' || feature AS name,
        min(feature_key) OVER (PARTITION BY event_type, feature) AS name_key
    FROM features
    WHERE is_product = 1 AND is_active = 1 AND feature <> ''
)
