-- title: Events
-- about: Product events one by one, newest first.
-- limit: 1000
-- cursor: time before_ns, id before_id
-- since: 24h
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter: error_type text '' a class of error, unknown where none was recorded; empty for all
-- parameter: tool text '' a tool; empty for all
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter: q text '' words of the error's place; empty for all
-- parameter: before_ns integer 0 only those before this time, Unix ns; 0 for all
-- parameter: before_id integer 0 and of those at that very time, only ids below this
-- parameter: row_limit integer 1000 how many at most
-- column: time unix_ns when it began
-- column: service text the service
-- column: event_type text the event type
-- column: user_tier free|trial|paid|enterprise tier of the user at that time
-- column: feature text the tool, element or category
-- column: result success|error|timeout|cancelled success, error, timeout or cancelled
-- column: duration_ms ms how long it took; null for an instant
-- column: error_type text class of the error
-- column: message text where the error happened
-- column: user_id_hash text the user, hashed; null if unknown
-- column: session_id text the session
-- column: trace_id text the trace it belongs to
-- column: id text its id in telemetry_events
WITH RECURSIVE
wanted AS (
    SELECT series_key FROM series
    WHERE is_product = 1
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
      AND (:event_type = '' OR substr(event_type, 1, length(:event_type)) = :event_type)
      -- Only a failure has a class that is unknown; a cancelled call may have one.
      AND (:error_type = '' OR :error_type = CASE
        WHEN error_type = '' AND is_failed = 1 THEN 'unknown' ELSE error_type END)
      AND (:tool = '' OR tool_name = :tool)
      -- Only what failed has a place.
      AND (:q = '' OR is_failed = 1)
),
-- with: chosen_users
-- with: user_windows
-- with: newest_events
SELECT
    v.timestamp AS time,
    v.service AS service,
    v.event_type AS event_type,
    v.user_tier AS user_tier,
    v.feature AS feature,
    v.result AS result,
    v.duration_ms AS duration_ms,
    v.error_type AS error_type,
    v.error_message AS message,
    v.user_id_hash AS user_id_hash,
    v.session_id AS session_id,
    nullif(v.trace_id, '') AS trace_id,
    v.id AS id
FROM newest_events n CROSS JOIN telemetry_events v
WHERE v.id = n.event_key
ORDER BY n.time DESC, n.event_key DESC
