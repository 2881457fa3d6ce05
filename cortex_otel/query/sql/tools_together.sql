-- title: Tools used together
-- about: In how many sessions both tools were called, and how many times as often as if they had
--   nothing to do with each other. Of sessions with a tool call; the ten tools with most sessions.
-- since: 30d
-- engine: tools_together
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: tool_name text a tool
-- column: with_tool text the other tool
-- column: sessions count sessions in which both were called
-- column: lift factor share of sessions with both / (share with the one × share with the other)
WITH
-- with: session_steps
called AS MATERIALIZED (
    SELECT DISTINCT user_key, session_key, part, substr(name, 15) AS tool
    FROM session_steps
    WHERE event_type = 'mcp.tool_call' AND name <> event_type
),
tools AS MATERIALIZED (
    SELECT tool, sessions
    FROM (
        SELECT
            tool, count(*) AS sessions,
            row_number() OVER (ORDER BY count(*) DESC, tool) AS turn
        FROM called
        GROUP BY tool
    ) AS ranked
    WHERE turn <= 10
),
every AS (
    SELECT count(*) AS sessions
    FROM (SELECT DISTINCT user_key, session_key, part FROM called) AS once
),
pairs AS (
    SELECT a.tool AS tool_name, b.tool AS with_tool, count(*) AS sessions
    FROM called a
    JOIN called b
        ON b.user_key = a.user_key AND b.session_key = a.session_key AND b.part = a.part
        AND b.tool <> a.tool
    GROUP BY a.tool, b.tool
)
SELECT
    p.tool_name AS tool_name,
    p.with_tool AS with_tool,
    p.sessions AS sessions,
    p.sessions * 1.0 * e.sessions / (a.sessions * b.sessions) AS lift
FROM pairs p
JOIN tools a ON a.tool = p.tool_name
JOIN tools b ON b.tool = p.with_tool
CROSS JOIN every e
ORDER BY a.sessions DESC, a.tool, b.sessions DESC, b.tool
