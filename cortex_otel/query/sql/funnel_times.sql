-- title: Time to the last step
-- about: Of the users who took all steps of a funnel within its window, how long they took from the
--   first to the last, in the attempt that was complete first. The bars grow with the time; the last
--   one ends with the window.
-- since: 90d
-- engine: funnel_times
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: steps text ["tier:free","tier:trial","tier:paid"] event types (mcp.search_context),
--   features (mcp.tool_call:search_context) or tiers (tier:paid), joined by ' > ' or as a JSON array
-- parameter: within_s integer 2592000 seconds from the first step to the last, inclusive
-- parameter: order ordered|any|strict ordered ordered: other events may come between; strict: none may; any: the
--   steps in any order
-- parameter: exclude text '' events that end an attempt, written as steps; empty for none
-- parameter: as_of_ns integer 0 what came after it isn't known yet, Unix ns; 0: the end of the range
--   or the newest event, whichever is later
-- column: until_ms ms upper end of the bar, inclusive; it begins where the one before ends
-- column: bar text the same in words, as 1–3 h
-- column: users count distinct users
WITH
-- with: asked_steps
-- with: funnel_rows
-- with: funnel_attempts
last_step AS (SELECT max(step) AS step FROM asked_steps),
taken AS (
    SELECT a.time - a.start_time AS duration FROM attempts a JOIN last_step l ON l.step = a.step
    WHERE a.is_pending = 0
),
bars AS (
    -- 1, 5, 15 min; 1, 3, 6, 12 h; 1, 2, 3, 7, 14, 30, 60, 90 days.
    SELECT value AS until_s
    FROM json_each('[60,300,900,3600,10800,21600,43200,86400,172800,259200,604800,1209600,2592000,5184000,7776000]')
    WHERE value < :within_s
    UNION ALL
    SELECT :within_s
),
edges AS (
    SELECT until_s, coalesce(lag(until_s) OVER (ORDER BY until_s), -1) AS after_s FROM bars
),
words AS (
    SELECT
        until_s,
        CAST(CASE WHEN until_s % 86400 = 0 THEN until_s / 86400 WHEN until_s % 3600 = 0 THEN until_s / 3600
                  WHEN until_s % 60 = 0 THEN until_s / 60 ELSE until_s END AS text) AS size,
        CASE WHEN until_s % 86400 = 0 THEN ' d' WHEN until_s % 3600 = 0 THEN ' h'
             WHEN until_s % 60 = 0 THEN ' min' ELSE ' s' END AS unit
    FROM bars
)
SELECT
    e.until_s * 1000 AS until_ms,
    CASE WHEN e.after_s < 0 THEN '≤ ' || u.size || u.unit
         WHEN a.unit = u.unit THEN a.size || '–' || u.size || u.unit
         ELSE a.size || a.unit || ' – ' || u.size || u.unit END AS bar,
    count(t.duration) AS users
FROM edges e
JOIN words u ON u.until_s = e.until_s
LEFT JOIN words a ON a.until_s = e.after_s
LEFT JOIN taken t
    ON t.duration > e.after_s * 1000000000 AND t.duration <= e.until_s * 1000000000
WHERE EXISTS (SELECT 1 FROM taken)
GROUP BY e.until_s, e.after_s, u.size, u.unit, a.size, a.unit
ORDER BY e.until_s
