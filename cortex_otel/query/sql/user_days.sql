-- title: The user's days
-- title.ko: 사용자의 하루하루
-- about: Product events of one user on each calendar day that had any.
-- about.ko: 한 사용자의 제품 이벤트를 이벤트가 있던 날마다 셉니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- parameter: user text '' the user hash, or its beginning; empty for nobody
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 아무도 없음
-- column: day epoch_day the calendar day
-- column.ko: day 날짜
-- column: events count product events, weighted by sampling
-- column.ko: events 제품 이벤트 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: partial flag 1 if the range has only a part of the day
-- column.ko: partial 기간에 그날의 일부만 들어 있으면 1
WITH RECURSIVE
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: local_range
chosen AS (
    SELECT
        (e.time / 60000000000 + :utc_offset_minutes) / 1440 AS day,
        e.weight,
        CASE WHEN s.is_failed = 1 THEN e.weight ELSE 0 END AS failed
    FROM user_events e JOIN series s ON s.series_key = e.series_key
)
SELECT
    day AS day,
    sum(weight) AS events,
    sum(failed) AS errors,
    CASE WHEN day * 1440 < (SELECT from_minute FROM local_range)
              OR (day + 1) * 1440 > (SELECT to_minute FROM local_range)
         THEN 1 ELSE 0 END AS partial
FROM chosen
GROUP BY day
ORDER BY day
