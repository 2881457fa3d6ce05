-- title: What comes next
-- about: Which event followed which in a session, the most frequent first. Equal neighbours are one
--   step; a session ends after half an hour without an event.
-- since: 30d
-- limit: 200
-- engine: transitions
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: source text what was done
-- column: target text what was done next; (end): nothing, the session was over
-- column: sessions count sessions in which that happened
-- column: users count distinct users of them
-- column: share ratio sessions / sessions with the source
-- column: sampled flag 1 if events are sampled: some steps are missing
WITH
-- with: session_steps
followed AS MATERIALIZED (
    SELECT
        user_key, session_key, part, name, sampled,
        coalesce(lead(name) OVER (
            PARTITION BY user_key, session_key, part ORDER BY place
        ), '(end)') AS next_name
    FROM session_steps
),
sources AS (
    SELECT name, count(*) AS sessions
    FROM (SELECT DISTINCT user_key, session_key, part, name FROM followed) AS once
    GROUP BY name
)
SELECT
    f.name AS source,
    f.next_name AS target,
    count(*) AS sessions,
    count(DISTINCT f.user_key) AS users,
    count(*) * 1.0 / max(s.sessions) AS share,
    max(f.sampled) AS sampled
FROM (
    SELECT DISTINCT user_key, session_key, part, name, next_name, sampled FROM followed
) AS f
JOIN sources s ON s.name = f.name
GROUP BY f.name, f.next_name
ORDER BY count(*) DESC, f.name, f.next_name
