-- Users whose first tier was free, first seen in the range. Of two tiers first seen at the same
-- instant the lower one came first.
first_tiers AS (
    SELECT
        t.user_key, t.user_tier, t.first_seen,
        row_number() OVER (
            PARTITION BY t.user_key
            ORDER BY t.first_seen, CASE t.user_tier WHEN 'free' THEN 0 WHEN 'trial' THEN 1 ELSE 2 END
        ) AS place
    FROM user_tiers t
    WHERE t.user_tier <> ''
),
started AS (
    SELECT f.user_key, f.first_seen
    FROM first_tiers f
    WHERE f.place = 1 AND f.user_tier = 'free'
      AND f.first_seen >= :from_ns AND f.first_seen < :to_ns
      AND (:service = '' OR f.user_key IN (
        SELECT d.user_key FROM rollup_user_day d JOIN segments g ON g.segment_key = d.segment_key
        WHERE g.service = :service
      ))
)
