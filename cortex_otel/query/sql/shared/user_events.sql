-- Product events of the chosen_users in the range; needs user_windows.
user_events AS (
    SELECT e.time, e.duration, e.series_key, coalesce(e.weight, 1.0) AS weight
    -- CROSS JOIN and + 0: left to itself, SQLite reads all events first, or makes an index of them.
    FROM user_windows w CROSS JOIN events e
    WHERE e.time >= w.from_time AND e.time < w.to_time
      AND e.user_key + 0 IN (SELECT user_key FROM chosen_users)
      AND e.series_key + 0 IN (
        SELECT series_key FROM series
        WHERE is_product = 1
          AND (:service = '' OR service = :service)
          AND (:user_tier = '' OR user_tier = :user_tier)
      )
)
