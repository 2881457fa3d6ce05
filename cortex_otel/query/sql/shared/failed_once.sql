-- Failures of the range by failed_series, each once: where a feature fails in the tool of its name
-- (mcp.search_context in search_context), its event and the tool call both tell it, and it is the call's.
-- What more events of it failed than calls, in the same way and for users of the same tier, is the
-- event's own; needs counted_for_user and failed_series.
failed_counts AS MATERIALIZED (
    SELECT f.*, c.events
    FROM counted_for_user c JOIN failed_series f ON f.series_key = c.series_key
),
failed_calls AS (
    SELECT service, user_tier, result, error_type, 'mcp.' || tool_name AS event_type, sum(events) AS events
    FROM failed_counts
    WHERE event_type = 'mcp.tool_call'
    GROUP BY service, user_tier, result, error_type, tool_name
),
failed_kinds AS (
    SELECT service, user_tier, result, error_type, event_type, tool_name, sum(events) AS events
    FROM failed_counts
    GROUP BY service, user_tier, result, error_type, event_type, tool_name
),
failed_once AS (
    SELECT *
    FROM (
        SELECT
            k.event_type, k.tool_name, k.result, k.error_type,
            CASE WHEN c.events IS NULL THEN k.events
                 WHEN k.events > c.events THEN k.events - c.events ELSE 0 END AS events
        FROM failed_kinds k
        LEFT JOIN failed_calls c
            ON c.event_type = k.event_type AND c.service = k.service AND c.user_tier = k.user_tier
            AND c.result = k.result AND c.error_type = k.error_type
    ) AS told
    WHERE events > 0
)
