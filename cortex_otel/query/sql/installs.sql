-- title: Installed and used
-- title.ko: 설치와 사용
-- about: Of the users who installed the extension until the end of the range, how many used it in
--   the range, how many did only before, and how many never. Used means activated, clicked or
--   inserted code. Whole UTC days.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: state text active in the range; inactive, but active at another time; never_used
-- column: users count distinct users
-- column: share ratio users / all who installed it
WITH
-- with: bounds
-- with: chosen_segments
-- with: used_features
-- with: installed
states AS (
    SELECT CASE WHEN is_active = 1 THEN 'active'
                WHEN last_active IS NULL THEN 'never_used' ELSE 'inactive' END AS state
    FROM installed
),
totals AS (
    SELECT state, count(*) AS users FROM states GROUP BY state
)
SELECT
    state AS state,
    users AS users,
    users * 1.0 / nullif((SELECT sum(users) FROM totals), 0) AS share
FROM totals
ORDER BY state
