-- title: Latest errors
-- about: Events that failed or timed out, newest first, one by one. Messages hold type, module,
--   function and line, never the text of an exception.
-- limit: 1000
-- cursor: time before_ns, id before_id
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter: error_type text '' a class of error, unknown where none was recorded; empty for all
-- parameter: tool text '' a tool; empty for all
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter: q text '' words of the message; empty for all
-- parameter: before_ns integer 0 only those before this time, Unix ns; 0 for all
-- parameter: before_id integer 0 and of those at that very time, only ids below this
-- parameter: row_limit integer 1000 how many at most
-- column: time unix_ns when it happened
-- column: service text the service
-- column: event_type text the event type
-- column: user_tier free|trial|paid|enterprise tier of the user
-- column: tool_name text the tool, if it was a tool call
-- column: result success|error|timeout|cancelled error or timeout
-- column: error_type text class of the error
-- column: message text where it happened
-- column: user_id_hash text the user, hashed; null if unknown
-- column: trace_id text the trace it belongs to
-- column: id text its id in telemetry_events
WITH RECURSIVE
-- with: failed_series
wanted AS (
    SELECT series_key FROM failed_series
),
-- with: chosen_users
-- with: user_windows
-- with: newest_events
SELECT
    v.timestamp AS time,
    v.service AS service,
    v.event_type AS event_type,
    v.user_tier AS user_tier,
    v.tool_name AS tool_name,
    v.result AS result,
    v.error_type AS error_type,
    v.error_message AS message,
    v.user_id_hash AS user_id_hash,
    nullif(v.trace_id, '') AS trace_id,
    v.id AS id
FROM newest_events n CROSS JOIN telemetry_events v
WHERE v.id = n.event_key
ORDER BY n.time DESC, n.event_key DESC
