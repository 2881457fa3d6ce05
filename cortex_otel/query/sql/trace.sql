-- title: Trace
-- about: Everything that belongs to one trace, in chronological order: spans of every kind, and
--   events.
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: trace_id text '' 32 hex digits
-- column: time unix_ns when it began
-- column: name text name of the span or event
-- column: service text the service
-- column: event_type text the event type
-- column: kind event|internal|server|client|producer|consumer span kind, or event
-- column: result success|error|timeout|cancelled success, error, timeout or cancelled
-- column: duration_ms ms how long it took; null for an instant
-- column: error_type text class of the error
-- column: message text where the error happened
-- column: user_id_hash text the user, hashed; null if unknown
-- column: span_id text 16 hex digits
-- column: parent_span_id text 16 hex digits
SELECT
    v.timestamp AS time,
    v.name AS name,
    v.service AS service,
    v.event_type AS event_type,
    v.kind AS kind,
    v.result AS result,
    v.duration_ms AS duration_ms,
    v.error_type AS error_type,
    v.error_message AS message,
    v.user_id_hash AS user_id_hash,
    v.span_id AS span_id,
    v.parent_span_id AS parent_span_id
FROM telemetry_events v
WHERE v.timestamp >= :from_ns AND v.timestamp < :to_ns
  AND :trace_id <> '' AND v.trace_id = lower(:trace_id)
ORDER BY v.timestamp, v.id
