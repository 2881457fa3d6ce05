-- title: Tools used together
-- about: How many users called both tools on the same UTC day; of a tool with itself, how many
--   called it at all. The ten tools that were called most.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: tool_name text a tool
-- column: with_tool text the other tool
-- column: users count distinct users who called both on one day
WITH
-- with: chosen_segments
-- with: counted
-- with: used_features
most_called AS (
    SELECT tool_name, row_number() OVER (ORDER BY calls DESC, tool_name) AS place
    FROM (
        SELECT s.tool_name, sum(c.events) AS calls
        FROM counted c JOIN series s ON s.series_key = c.series_key
        WHERE s.event_type = 'mcp.tool_call' AND s.tool_name <> ''
          AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
        GROUP BY s.tool_name
    ) AS called
    ORDER BY place
    LIMIT 10
),
tool_days AS MATERIALIZED (
    SELECT m.place, u.user_key * 65536 + u.block AS user_block, u.days
    -- CROSS JOIN: left to itself, SQLite begins with all features.
    FROM most_called m CROSS JOIN features f CROSS JOIN used_features u
    WHERE f.event_type = 'mcp.tool_call' AND f.feature = m.tool_name
      AND u.feature_key = f.feature_key
),
-- Keys are one number while they are compared: SQLite does so in half the time. They come nearly in
-- the order of that number, which makes finding doubles cheap; hence its parts, and the CROSS JOIN.
pairs AS MATERIALIZED (
    SELECT cell % 16 AS place, cell / 68719476736 AS with_place, count(*) AS users
    FROM (
        SELECT DISTINCT (b.place * 4294967296 + b.user_block / 65536) * 16 + a.place AS cell
        FROM tool_days b CROSS JOIN tool_days a
        WHERE a.user_block = b.user_block AND a.place <= b.place AND (a.days & b.days) <> 0
    ) AS cells
    GROUP BY cell / 68719476736 * 16 + cell % 16
)
SELECT a.tool_name AS tool_name, b.tool_name AS with_tool, p.users AS users
FROM pairs p
JOIN most_called a ON a.place IN (p.place, p.with_place)
JOIN most_called b ON b.place = p.place + p.with_place - a.place
ORDER BY a.place, b.place
