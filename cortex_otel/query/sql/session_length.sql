-- title: Session length per day
-- title.ko: 일간 세션 길이
-- about: Mean length of the sessions that began on each calendar day, from the first event to the
--   end of the last. A session that still goes on counts as long as it is so far.
-- about.ko: 날마다 그날 시작된 세션의 평균 길이(첫 이벤트부터 마지막 이벤트의 끝까지)입니다. 진행
--   중인 세션은 지금까지의 길이로 셉니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- parameter: of_service text '' of the sessions asked for, those of this service; empty for all
-- parameter.ko: of_service 선택한 세션 중 이 서비스의 세션만. 비우면 전체
-- column: day epoch_day the calendar day
-- column.ko: day 날짜
-- column: sessions count sessions that began on it
-- column.ko: sessions 그날 시작된 세션 수
-- column: avg_session_ms ms their mean length
-- column.ko: avg_session_ms 평균 길이
-- column: partial flag 1 if the range has only a part of the day
-- column.ko: partial 기간에 그날의 일부만 들어 있으면 1
WITH
-- with: chosen_segments
-- with: sessions_in_range
-- with: local_range
sittings AS (
    SELECT
        (n.start_time / 60000000000 + :utc_offset_minutes) / 1440 AS day,
        count(*) AS sessions,
        avg((n.end_time - n.start_time) / 1e6) AS avg_session_ms
    FROM sessions_in_range n
    WHERE n.start_time >= :from_ns
      AND n.segment_key IN (
        SELECT segment_key FROM chosen_segments WHERE :of_service = '' OR service = :of_service
      )
    GROUP BY (n.start_time / 60000000000 + :utc_offset_minutes) / 1440
)
SELECT
    day AS day,
    sessions AS sessions,
    avg_session_ms AS avg_session_ms,
    CASE WHEN day * 1440 < from_minute OR (day + 1) * 1440 > to_minute THEN 1 ELSE 0 END AS partial
FROM sittings CROSS JOIN local_range
ORDER BY day
