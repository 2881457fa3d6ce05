-- title: Errors that cost users
-- about: Errors ranked by how many users left after meeting them, beyond what was to be expected. The
--   last days of the range tell who left: nothing was done in them. Before those: who met which
--   error. Expected is that of the users who met it as many leave as among equally active users who
--   did not (within quarters by their number of events; a quarter in which all met it is left out). The
--   ratio is Mantel and Haenszel's; errors that too few users met are left out. It is no proof of a
--   cause. The days are whole ones of UTC.
-- since: 90d
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: left_days integer:1..366 14 who is inactive in so many last days has left
-- parameter: min_met integer:1..1000000000 10 users that must have met an error, and that must not
-- column: error_type text class of the error; unknown where it was not recorded
-- column: event_type text the event type that failed
-- column: tool_name text the tool, if it was a tool call
-- column: users_with count users who met it
-- column: left_users count of these, left
-- column: expected_users count how many would have left anyway, by the others
-- column: users_lost count left_users less expected_users; below 0 if fewer left
-- column: risk_ratio factor how much likelier they left than equally active users; null if too few
-- column: low factor lower end of its 95 % interval
-- column: high factor upper end of its 95 % interval
-- column: errors count how often it happened to them, weighted by sampling
WITH
-- with: chosen_segments
last_days AS (
    SELECT
        (:from_ns + 86399999999999) / 86400000000000 AS first_day,
        :to_ns / 86400000000000 - :left_days AS first_last_day,
        :to_ns / 86400000000000 AS end_day
),
habits AS (
    SELECT
        u.user_key,
        sum(CASE WHEN u.day < w.first_last_day THEN u.events ELSE 0 END) AS events,
        min(CASE WHEN u.day >= w.first_last_day AND u.half_hours <> 0 THEN 0 ELSE 1 END) AS has_left,
        max(CASE WHEN u.day < w.first_last_day AND u.half_hours <> 0 THEN 1 ELSE 0 END) AS was_active
    FROM last_days w JOIN rollup_user_day u ON u.day >= w.first_day AND u.day < w.end_day
    WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY u.user_key
),
quarters AS MATERIALIZED (
    SELECT
        user_key, has_left,
        (rank() OVER (ORDER BY events) - 1) * 4 / count(*) OVER () AS quarter
    FROM habits
    WHERE was_active = 1
),
-- Each kind of error by the first of its series.
error_kinds AS MATERIALIZED (
    SELECT
        series_key, event_type, tool_name,
        coalesce(nullif(error_type, ''), 'unknown') AS error_type,
        min(series_key) OVER (
            PARTITION BY event_type, tool_name, coalesce(nullif(error_type, ''), 'unknown')
        ) AS kind
    FROM series s
    WHERE is_product = 1 AND is_failed = 1
      AND segment_key IN (SELECT segment_key FROM chosen_segments)
      -- A feature that fails in the tool of its name is the tool's failure, once.
      AND NOT EXISTS (
        SELECT 1 FROM series t
        WHERE t.event_type = 'mcp.tool_call' AND 'mcp.' || t.tool_name = s.event_type
          AND t.segment_key = s.segment_key AND t.result = s.result AND t.error_type = s.error_type
      )
),
-- One pass over the events: + 0 keeps SQLite from going through the index of times.
hits AS MATERIALIZED (
    SELECT k.kind, q.user_key, q.quarter, q.has_left, sum(coalesce(e.weight, 1.0)) AS errors
    FROM events e CROSS JOIN error_kinds k CROSS JOIN quarters q CROSS JOIN last_days w
    WHERE e.series_key IN (SELECT series_key FROM error_kinds)
      AND e.time + 0 >= w.first_day * 86400000000000
      AND e.time + 0 < w.first_last_day * 86400000000000
      AND k.series_key = e.series_key AND q.user_key = e.user_key
    GROUP BY k.kind, q.user_key, q.quarter, q.has_left
),
sizes AS (
    SELECT quarter, count(*) AS users, sum(has_left) AS has_left FROM quarters GROUP BY quarter
),
strata AS MATERIALIZED (
    SELECT
        h.kind AS key, h.hits, h.users, z.has_left - h.hits AS other_hits, z.users - h.users AS others
    FROM (
        SELECT kind, quarter, count(*) AS users, sum(has_left) AS hits
        FROM hits
        GROUP BY kind, quarter
    ) h
    JOIN sizes z ON z.quarter = h.quarter
    WHERE z.users > h.users
),
expected AS (
    SELECT key, sum(users * other_hits * 1.0 / others) AS expected_users
    FROM strata
    GROUP BY key
),
-- with: mantel_haenszel
met AS (
    SELECT kind, sum(errors) AS errors FROM hits GROUP BY kind
)
SELECT
    k.error_type AS error_type,
    k.event_type AS event_type,
    nullif(k.tool_name, '') AS tool_name,
    m.users AS users_with,
    m.hits AS left_users,
    x.expected_users AS expected_users,
    m.hits - x.expected_users AS users_lost,
    m.ratio AS risk_ratio,
    m.ratio_low AS low,
    m.ratio_high AS high,
    t.errors AS errors
FROM mantel_haenszel m
JOIN expected x ON x.key = m.key
JOIN met t ON t.kind = m.key
JOIN error_kinds k ON k.series_key = m.key
WHERE m.users >= :min_met AND m.others >= :min_met
ORDER BY m.hits - x.expected_users DESC, m.users DESC, k.error_type, k.event_type, k.tool_name
