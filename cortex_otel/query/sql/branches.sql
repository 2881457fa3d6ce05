-- title: Branches, automatic and manual
-- about: Context branches that were created, by who decided: Cortex itself or the user.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: mode automatic|manual|unknown automatic, manual, or unknown where it was not recorded
-- column: branches count branches created, weighted by sampling
-- column: share ratio branches / all branches
-- column: errors count attempts that failed or timed out
WITH
-- with: counted
-- MATERIALIZED: the few that are wanted are found before anything is counted.
wanted AS MATERIALIZED (
    SELECT series_key, is_failed, CASE WHEN feature = '' THEN 'unknown' ELSE feature END AS mode
    FROM series
    WHERE event_type = 'mcp.branch_create'
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
),
totals AS (
    SELECT
        s.mode,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 0), 0) AS branches,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors
    FROM counts c JOIN wanted s ON s.series_key = c.series_key
    GROUP BY s.mode
)
SELECT
    mode AS mode,
    branches AS branches,
    branches * 1.0 / nullif(sum(branches) OVER (), 0) AS share,
    errors AS errors
FROM totals
ORDER BY branches DESC, mode
