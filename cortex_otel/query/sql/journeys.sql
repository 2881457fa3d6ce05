-- title: Paths through sessions
-- about: What users did one after the other in a session, over a few steps: from its start or up to
--   its end, or from (up to) the first (last) time of an event. Equal neighbours are one step; a
--   session ends after half an hour without an event. Of each step the most frequent events are
--   named, the rest is other.
-- since: 30d
-- limit: 1000
-- engine: journeys
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: anchor text '' where paths begin or end: an event type or a feature; empty for the
--   session's start or end
-- parameter: direction start|end start start: paths begin there; end: they end there
-- parameter: depth integer:2..8 5 steps that are shown
-- parameter: top integer:1..20 6 events that are named at each step
-- column: step count the step of the source, from 1
-- column: source text the step and what was done, as 1:mcp.tool_call:search_context
-- column: target text the next step and what was done, or that the session ended or began there
-- column: sessions count sessions
-- column: users count distinct users of them
-- column: sampled flag 1 if events are sampled: some steps are missing
WITH
-- with: session_steps
anchored AS (
    SELECT
        *,
        CASE WHEN :anchor = '' THEN CASE WHEN :direction = 'start' THEN 1 ELSE length END
             WHEN :direction = 'start' THEN min(CASE WHEN is_anchor = 1 THEN place END) OVER in_session
             ELSE max(CASE WHEN is_anchor = 1 THEN place END) OVER in_session END AS anchor_place
    FROM (
        SELECT
            *, CASE WHEN :anchor IN (name, event_type) THEN 1 ELSE 0 END AS is_anchor
        FROM session_steps
    ) AS steps
    WINDOW in_session AS (PARTITION BY user_key, session_key, part)
),
-- Steps are numbered from left to right: up to an end, that is the last of :depth.
numbered AS (
    SELECT
        user_key, session_key, part, name, sampled,
        CASE WHEN :direction = 'start' THEN place - anchor_place + 1
             ELSE place - anchor_place + :depth END AS step
    FROM anchored
    WHERE anchor_place IS NOT NULL
),
inside AS MATERIALIZED (
    SELECT * FROM numbered WHERE step >= 1 AND step <= :depth
),
ranked AS (
    SELECT
        step, name, row_number() OVER (PARTITION BY step ORDER BY count(*) DESC, name) AS turn
    FROM inside
    GROUP BY step, name
),
named AS MATERIALIZED (
    SELECT
        i.user_key, i.session_key, i.part, i.sampled, i.step,
        CASE WHEN r.turn <= :top THEN i.name ELSE '(other)' END AS name
    FROM inside i JOIN ranked r ON r.step = i.step AND r.name = i.name
),
links AS (
    SELECT
        user_key, session_key, part, sampled, step, name,
        coalesce(lead(name) OVER in_order, '(end)') AS next_name
    FROM named
    WINDOW in_order AS (PARTITION BY user_key, session_key, part ORDER BY step)
),
begins AS (
    -- Up to an end: where a session begins before the first step that is shown, it's no begin.
    SELECT user_key, session_key, part, sampled, min(step) - 1 AS step, NULL AS name
    FROM named
    WHERE :direction = 'end'
    GROUP BY user_key, session_key, part, sampled
    HAVING min(step) > 1
),
flows AS (
    SELECT step, name, next_name, user_key, sampled FROM links
    WHERE step < :depth AND (:direction = 'start' OR next_name <> '(end)')
    UNION ALL
    SELECT b.step, '(start)', n.name, b.user_key, b.sampled
    FROM begins b JOIN named n
        ON n.user_key = b.user_key AND n.session_key = b.session_key AND n.part = b.part
        AND n.step = b.step + 1
)
SELECT
    step AS step,
    CAST(step AS text) || ':' || name AS source,
    CAST(step + 1 AS text) || ':' || next_name AS target,
    count(*) AS sessions,
    count(DISTINCT user_key) AS users,
    max(sampled) AS sampled
FROM flows
GROUP BY step, name, next_name
ORDER BY step, count(*) DESC, name, next_name
