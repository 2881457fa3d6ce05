-- Product events that are asked for; spans and logs of other instrumentations are none.
chosen_series AS (
    SELECT series_key, service, CASE WHEN result IN ('error', 'timeout') THEN 1 ELSE 0 END AS failed
    FROM series
    WHERE event_type NOT IN ('span', 'log')
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
)
