-- title: Events
-- title.ko: 이벤트
-- about: Product events one by one, newest first.
-- about.ko: 제품 이벤트를 최신순으로 하나씩 표시합니다.
-- limit: 1000
-- cursor: time before_ns, id before_id
-- since: 24h
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
-- parameter: q text '' words of the error's place; empty for all
-- parameter.ko: q 오류 위치에 들어 있는 말. 비우면 전체
-- parameter: before_ns integer 0 only those before this time, Unix ns; 0 for all
-- parameter.ko: before_ns 이 시각(Unix ns) 이전만. 0이면 전체
-- parameter: before_id integer 0 and of those at that very time, only ids below this
-- parameter.ko: before_id 그 시각의 것은 이보다 작은 ID만
-- parameter: row_limit integer 1000 how many at most
-- parameter.ko: row_limit 최대 행 수
-- column: time unix_ns when it began
-- column.ko: time 시작된 때
-- column: service text the service
-- column.ko: service 서비스
-- column: event_type text the event type
-- column.ko: event_type 이벤트 유형
-- column: user_tier text tier of the user at that time
-- column.ko: user_tier 당시 사용자의 등급
-- column: feature text the tool, element or category
-- column.ko: feature 도구, 요소, 범주
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
-- column: session_id text the session
-- column.ko: session_id 세션
-- column: trace_id text the trace it belongs to
-- column.ko: trace_id 속한 트레이스
-- column: id text its id in telemetry_events
-- column.ko: id telemetry_events의 id
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
