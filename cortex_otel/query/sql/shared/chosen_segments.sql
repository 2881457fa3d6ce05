-- Services and tiers that are asked for.
chosen_segments AS (
    SELECT segment_key, service, user_tier FROM segments
    WHERE (:service = '' OR service = :service) AND (:user_tier = '' OR user_tier = :user_tier)
)
