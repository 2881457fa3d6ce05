-- title: Token savings, net
-- about: What is left of the savings of Smart Context if what it left out was fetched again: a compression
--   counts as fetched again if the context was searched later in the same session, at most
--   within_minutes after it. How many tokens a search brought back isn't recorded. So the net rate is
--   the least that was saved, as if every such search had brought back all that its compression
--   left out; the truth lies between it and the gross rate. Read from the events that are kept: of
--   searches that are sampled, the others aren't seen.
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: within_minutes integer:1..1440 30 minutes after a compression in which a search counts
-- column: day epoch_day the calendar day
-- column: compressions count compressions that measured tokens, weighted by sampling
-- column: fetched_again count of these, followed by a search in the same session
-- column: fetched_again_rate ratio fetched_again / compressions
-- column: tokens_before tokens tokens before
-- column: tokens_saved tokens tokens before less tokens after
-- column: tokens_saved_net tokens the same of those that were not fetched again
-- column: savings_rate ratio tokens_saved / tokens_before; null without tokens
-- column: net_savings_rate ratio tokens_saved_net / tokens_before; null without tokens
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: range_days
-- with: chosen_segments
wanted_series AS MATERIALIZED (
    SELECT series_key, CASE WHEN event_type = 'mcp.search_context' THEN 1 ELSE 0 END AS is_search
    FROM series
    WHERE event_type IN ('mcp.search_context', 'mcp.compress_context')
      AND (event_type = 'mcp.search_context'
           OR segment_key IN (SELECT segment_key FROM chosen_segments))
),
token_shapes AS MATERIALIZED (
    SELECT shape_key, before_at, after_at
    FROM (
        SELECT
            h.shape_key,
            max(k.key) FILTER (WHERE k.value = $CORTEX_COMPRESS_TOKENS_BEFORE) AS before_at,
            max(k.key) FILTER (WHERE k.value = $CORTEX_COMPRESS_TOKENS_AFTER) AS after_at
        FROM shapes h CROSS JOIN json_each(h.keys) k
        GROUP BY h.shape_key
    ) AS places
    WHERE before_at IS NOT NULL AND after_at IS NOT NULL
),
found AS MATERIALIZED (
    SELECT
        e.time, e.session_key, coalesce(e.weight, 1.0) AS weight, s.is_search,
        e.event_values ->> t.before_at AS tokens_before,
        e.event_values ->> t.after_at AS tokens_after
    FROM events e
    CROSS JOIN wanted_series s
    LEFT JOIN token_shapes t ON s.is_search = 0 AND t.shape_key = e.shape_key
    -- One pass over the events: + 0 keeps SQLite from going through the index of times.
    WHERE e.series_key IN (SELECT series_key FROM wanted_series)
      AND e.time + 0 >= :from_ns AND e.time + 0 < :to_ns + :within_minutes * 60000000000
      AND s.series_key = e.series_key
      AND e.session_key NOT IN (SELECT session_key FROM sessions WHERE session_id = '')
),
-- The next search of the session, of those at the same instant or later.
followed AS (
    SELECT
        time, weight, is_search, tokens_before, tokens_after,
        min(CASE WHEN is_search = 1 THEN time END) OVER (
            PARTITION BY session_key ORDER BY time
            RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS next_search
    FROM found
),
compressions AS (
    SELECT
        (f.time + z.offset_ns) / 86400000000000 AS day,
        f.weight, f.tokens_before, f.tokens_before - f.tokens_after AS saved,
        CASE WHEN f.next_search <= f.time + :within_minutes * 60000000000 THEN 1 ELSE 0 END AS is_again
    FROM followed f JOIN zone_offsets z ON z.since <= f.time AND f.time < z.until
    WHERE f.is_search = 0 AND f.tokens_before IS NOT NULL AND f.time < :to_ns
),
totals AS (
    SELECT
        day,
        sum(weight) AS compressions,
        sum(weight * is_again) AS fetched_again,
        sum(weight * tokens_before) AS tokens_before,
        sum(weight * saved) AS tokens_saved,
        sum(weight * saved * (1 - is_again)) AS tokens_saved_net
    FROM compressions
    GROUP BY day
)
SELECT
    t.day AS day,
    t.compressions AS compressions,
    t.fetched_again AS fetched_again,
    t.fetched_again * 1.0 / nullif(t.compressions, 0) AS fetched_again_rate,
    t.tokens_before AS tokens_before,
    t.tokens_saved AS tokens_saved,
    t.tokens_saved_net AS tokens_saved_net,
    t.tokens_saved * 1.0 / nullif(t.tokens_before, 0) AS savings_rate,
    t.tokens_saved_net * 1.0 / nullif(t.tokens_before, 0) AS net_savings_rate,
    1 - d.is_whole AS partial
FROM totals t JOIN days d ON d.day = t.day
ORDER BY t.day
