-- title: Installed and used
-- about: Of the users who installed the extension by the end of the range, how many used it in the
--   range, how many only at another time, and how many never. Used means activated, clicked or
--   inserted code; in the range in the service and tier asked for, at another time in any.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: state active|inactive|never_used active in the range; inactive, but active at another time; never_used
-- column: users count distinct users
-- column: share ratio users / all who installed it
WITH
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
