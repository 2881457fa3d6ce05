-- title: Trace
-- title.ko: 트레이스
-- about: Everything that belongs to one trace, in the order of time: spans of every kind, and events.
-- about.ko: 한 트레이스에 속한 모든 스팬과 이벤트를 시간순으로 표시합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: trace_id text '' 32 hex digits
-- parameter.ko: trace_id 16진수 32자리
-- column: time unix_ns when it began
-- column.ko: time 시작된 때
-- column: name text name of the span or event
-- column.ko: name 스팬 또는 이벤트의 이름
-- column: service text the service
-- column.ko: service 서비스
-- column: event_type text the event type
-- column.ko: event_type 이벤트 유형
-- column: kind text span kind, or event
-- column.ko: kind 스팬 종류 또는 이벤트
-- column: result text success, error, timeout or cancelled
-- column.ko: result success, error, timeout, cancelled
-- column: duration_ms ms how long it took; null for an instant
-- column.ko: duration_ms 걸린 시간. 순간 이벤트는 비어 있음
-- column: error_type text class of the error
-- column.ko: error_type 오류의 종류
-- column: message text where the error happened
-- column.ko: message 오류가 난 위치
-- column: user_id_hash text the user, hashed; null if unknown
-- column.ko: user_id_hash 사용자(해시). 모르면 비어 있음
-- column: span_id text 16 hex digits
-- column.ko: span_id 16진수 16자리
-- column: parent_span_id text 16 hex digits
-- column.ko: parent_span_id 16진수 16자리
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
