-- title: Branches, automatic and manual
-- title.ko: 자동 브랜치와 수동 브랜치
-- about: Context branches that were created, by who decided: Cortex itself or the user.
-- about.ko: 생성된 컨텍스트 브랜치를 Cortex가 자동으로 만든 것과 사용자가 만든 것으로 나눕니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: mode text automatic, manual, or unknown where it was not told
-- column.ko: mode automatic(자동), manual(수동), 알려지지 않았으면 unknown
-- column: branches count branches created, weighted by sampling
-- column.ko: branches 생성된 브랜치 수(샘플링 보정)
-- column: share ratio branches / all branches
-- column.ko: share 브랜치 / 모든 브랜치
-- column: errors count attempts that failed or timed out
-- column.ko: errors 실패하거나 시간 초과된 시도
WITH
-- with: bounds
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
