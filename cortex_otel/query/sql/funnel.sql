-- title: Funnel from free to paid
-- about: Users who started free in the range and whose window is over, and how far they got within
--   it. A step includes those who skipped it: paying without a trial counts for both.
-- since: 90d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: window_days integer 30 days from the first event to the step, inclusive
-- column: step count 1, 2, 3
-- column: reached text free: started free; trial: had a trial or paid; paid: became paid or
--   enterprise
-- column: users count distinct users who got at least this far
-- column: rate_of_first ratio users / users of step 1
-- column: rate_of_previous ratio users / users of the step before
WITH
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
),
-- with: paying_tiers
later AS (
    SELECT
        user_key,
        min(first_seen) AS first_trial,
        min(first_seen) FILTER (WHERE user_tier <> 'trial') AS first_paid
    FROM user_tiers
    WHERE user_tier = 'trial' OR user_tier IN (SELECT user_tier FROM paying_tiers)
    GROUP BY user_key
),
totals AS (
    SELECT
        count(*) AS free,
        count(*) FILTER (
            WHERE l.first_trial - s.first_seen <= :window_days * 86400000000000
        ) AS trial,
        count(*) FILTER (
            WHERE l.first_paid - s.first_seen <= :window_days * 86400000000000
        ) AS paid
    FROM started s LEFT JOIN later l ON l.user_key = s.user_key
    WHERE s.first_seen + :window_days * 86400000000000 <= :to_ns
)
SELECT 1 AS step, 'free' AS reached, free AS users,
       free * 1.0 / nullif(free, 0) AS rate_of_first, NULL AS rate_of_previous
FROM totals
UNION ALL
SELECT 2, 'trial', trial, trial * 1.0 / nullif(free, 0), trial * 1.0 / nullif(free, 0) FROM totals
UNION ALL
SELECT 3, 'paid', paid, paid * 1.0 / nullif(free, 0), paid * 1.0 / nullif(trial, 0) FROM totals
ORDER BY 1
