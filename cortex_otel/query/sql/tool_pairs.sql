-- title: Tools used together
-- title.ko: 함께 쓰인 도구
-- about: How many users called both tools on the same UTC day; of a tool with itself, how many
--   called it at all. The twelve tools that were called most. Users are of whole UTC days.
-- about.ko: 같은 날(UTC) 두 도구를 모두 호출한 사용자 수입니다. 같은 도구끼리는 그 도구를 호출한
--   사용자 수입니다. 호출이 많은 도구 12개를 표시합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: tool_name text a tool
-- column.ko: tool_name 도구
-- column: with_tool text the other tool
-- column.ko: with_tool 다른 도구
-- column: users count distinct users who called both on one day
-- column.ko: users 같은 날 두 도구를 모두 호출한 사용자 수
WITH
-- with: bounds
-- with: chosen_segments
-- with: counted
-- with: used_features
most_called AS (
    SELECT s.tool_name
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.event_type = 'mcp.tool_call' AND s.tool_name <> ''
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.tool_name
    ORDER BY sum(c.events) DESC, s.tool_name
    LIMIT 12
),
tool_days AS MATERIALIZED (
    SELECT f.feature AS tool_name, u.user_key, u.block, u.days
    FROM features f JOIN used_features u ON u.feature_key = f.feature_key
    WHERE f.event_type = 'mcp.tool_call' AND f.feature IN (SELECT tool_name FROM most_called)
),
pairs AS (
    SELECT a.tool_name, b.tool_name AS with_tool, count(DISTINCT a.user_key) AS users
    FROM tool_days a
    JOIN tool_days b ON b.user_key = a.user_key AND b.block = a.block
    WHERE b.tool_name >= a.tool_name AND (a.days & b.days) <> 0
    GROUP BY a.tool_name, b.tool_name
)
SELECT tool_name AS tool_name, with_tool AS with_tool, users AS users FROM pairs
UNION ALL
SELECT with_tool, tool_name, users FROM pairs WHERE with_tool <> tool_name
ORDER BY 1, 2
