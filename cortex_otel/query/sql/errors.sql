-- title: Latest errors
-- title.ko: 최근 오류
-- about: Events that failed or timed out, newest first, one by one. Messages hold type, module,
--   function and line, never the text of an exception.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: time unix_ns when it happened
-- column: service text the service
-- column: event_type text the event type
-- column: user_tier text tier of the user
-- column: tool_name text the tool, if it was a tool call
-- column: result text error or timeout
-- column: error_type text class of the error
-- column: message text where it happened
SELECT
    e.time AS time,
    s.service AS service,
    s.event_type AS event_type,
    s.user_tier AS user_tier,
    nullif(s.tool_name, '') AS tool_name,
    s.result AS result,
    nullif(s.error_type, '') AS error_type,
    e.error_message AS message
FROM events e JOIN series s ON s.series_key = e.series_key
WHERE e.time >= :from_ns AND e.time < :to_ns
  AND s.result IN ('error', 'timeout')
  AND s.event_type NOT IN ('span', 'log')
  AND (:service = '' OR s.service = :service)
  AND (:user_tier = '' OR s.user_tier = :user_tier)
ORDER BY e.time DESC, e.event_key DESC
