-- title: Latest errors
-- title.ko: 최근 오류
-- about: Events that failed or timed out, newest first, one by one. Messages hold type, module,
--   function and line, never the text of an exception.
-- about.ko: 실패하거나 시간 초과된 이벤트를 최신순으로 하나씩 표시합니다. 메시지에는 유형, 모듈,
--   함수, 줄 번호만 있고 예외의 내용은 없습니다.
-- limit: 1000
-- cursor: time before_ns, id before_id
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter.ko: event_type 이벤트 유형 또는 그 앞부분. 비우면 전체
-- parameter: error_type text '' a class of error, unknown where none was told; empty for all
-- parameter.ko: error_type 오류 유형. 알려지지 않은 것은 unknown. 비우면 전체
-- parameter: tool text '' a tool; empty for all
-- parameter.ko: tool 도구. 비우면 전체
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 전체
-- parameter: q text '' words of the message; empty for all
-- parameter.ko: q 메시지에 들어 있는 말. 비우면 전체
-- parameter: before_ns integer 0 only those before this time, Unix ns; 0 for all
-- parameter.ko: before_ns 이 시각(Unix ns) 이전만. 0이면 전체
-- parameter: before_id integer 0 and of those at that very time, only ids below this
-- parameter.ko: before_id 그 시각의 것은 이보다 작은 ID만
-- parameter: row_limit integer 1000 how many at most
-- parameter.ko: row_limit 최대 행 수
-- column: time unix_ns when it happened
-- column.ko: time 일어난 때
-- column: service text the service
-- column.ko: service 서비스
-- column: event_type text the event type
-- column.ko: event_type 이벤트 유형
-- column: user_tier text tier of the user
-- column.ko: user_tier 사용자의 등급
-- column: tool_name text the tool, if it was a tool call
-- column.ko: tool_name 도구(도구 호출인 경우)
-- column: result text error or timeout
-- column.ko: result error 또는 timeout
-- column: error_type text class of the error
-- column.ko: error_type 오류의 종류
-- column: message text where it happened
-- column.ko: message 오류가 난 위치
-- column: user_id_hash text the user, hashed; null if unknown
-- column.ko: user_id_hash 사용자(해시). 모르면 비어 있음
-- column: trace_id text the trace it belongs to
-- column.ko: trace_id 속한 트레이스
-- column: id text its id in telemetry_events
-- column.ko: id telemetry_events의 id
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
