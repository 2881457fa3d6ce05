-- Events that make a user active, in the services and tiers that are asked for.
active_series AS MATERIALIZED (
    SELECT series_key, segment_key FROM series
    WHERE is_product = 1
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
)
