-- Product events that are asked for; spans and logs of other instrumentations are none.
chosen_series AS (
    SELECT series_key, service, is_failed, in_error_rate, is_active FROM series
    WHERE is_product = 1
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
)
