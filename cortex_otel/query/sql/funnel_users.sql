-- title: Users who went no further
-- about: Users whose attempt ended before the last step of a funnel and whose window is over, by the
--   last step they took; the latest first.
-- since: 90d
-- limit: 1000
-- engine: funnel_users
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
-- parameter: after_step integer 0 only those whose last step is this one, from 1; 0 for all
-- column: user_id_hash text the user
-- column: step count the last step they took
-- column: name text that step; in any order, how many
-- column: last_time unix_ns when they took it
WITH
-- with: asked_steps
-- with: funnel_rows
-- with: funnel_attempts
last_step AS (SELECT max(step) AS step FROM asked_steps)
SELECT
    u.user_id_hash AS user_id_hash,
    a.step AS step,
    CASE WHEN :order = 'any' THEN CAST(a.step AS text) ELSE t.name END AS name,
    a.time AS last_time
FROM attempts a
JOIN asked_steps t ON t.step = a.step
JOIN users u ON u.user_key = a.user_key
WHERE a.is_pending = 0 AND a.step < (SELECT step FROM last_step)
  AND (:after_step = 0 OR a.step = :after_step)
ORDER BY a.time DESC, u.user_id_hash
