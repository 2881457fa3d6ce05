-- title: Adoption of a feature
-- about: How many users have ever used a feature, day by day since its first use, and what share that is
--   of all users who were active at any time since then. To the end of the range, whatever its start.
--   The days are those of UTC.
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: feature text '' event type and feature, like mcp.tool_call:search; empty for the one
--   with the most users
-- column: day count days since the first use; 0 is that day itself
-- column: date epoch_day the day
-- column: feature text the feature
-- column: users count distinct users who had used it by then
-- column: active_users count distinct users active from its first day to then
-- column: share ratio users / active_users
-- column: partial flag 1 if the range ends before the day does
WITH RECURSIVE
-- with: chosen_segments
-- with: named_features
first_uses AS MATERIALIZED (
    SELECT n.name, u.user_key, min(u.first_day) AS day
    FROM named_features n JOIN rollup_user_feature u ON u.feature_key = n.feature_key
    WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND u.first_day * 86400000000000 < :to_ns
      AND (:feature = '' OR n.name = :feature)
    GROUP BY n.name, u.user_key
),
wanted AS MATERIALIZED (
    SELECT name, min(day) AS first_day, (:to_ns - 1) / 86400000000000 AS last_day
    FROM first_uses
    GROUP BY name
    ORDER BY count(*) DESC, name
    LIMIT 1
),
dates AS (
    SELECT first_day AS day FROM wanted
    UNION ALL
    SELECT d.day + 1 FROM dates d CROSS JOIN wanted w WHERE d.day < w.last_day
),
adopters AS (
    SELECT f.day, count(*) AS users
    FROM first_uses f JOIN wanted w ON w.name = f.name
    GROUP BY f.day
),
arrivals AS (
    SELECT day, count(*) AS users
    FROM (
        SELECT u.user_key, min(u.day) AS day
        FROM wanted w JOIN rollup_user_day u ON u.day >= w.first_day AND u.day <= w.last_day
        WHERE u.half_hours <> 0 AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
        GROUP BY u.user_key
    ) AS firsts
    GROUP BY day
),
running AS (
    SELECT
        d.day - w.first_day AS number, d.day, w.name,
        sum(coalesce(a.users, 0)) OVER (ORDER BY d.day) AS users,
        sum(coalesce(b.users, 0)) OVER (ORDER BY d.day) AS active_users
    FROM wanted w
    CROSS JOIN dates d
    LEFT JOIN adopters a ON a.day = d.day
    LEFT JOIN arrivals b ON b.day = d.day
)
SELECT
    number AS day,
    day AS date,
    name AS feature,
    users AS users,
    active_users AS active_users,
    users * 1.0 / nullif(active_users, 0) AS share,
    CASE WHEN (day + 1) * 86400000000000 > :to_ns THEN 1 ELSE 0 END AS partial
FROM running
ORDER BY day
