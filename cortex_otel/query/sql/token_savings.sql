-- title: Token savings per day
-- title.ko: 일간 토큰 절감
-- about: How much smaller Smart Context made what was sent to the model. Target: 70 %. Where local
--   time is off by half an hour, the hour around midnight counts for the day it starts in.
-- about.ko: Smart Context가 모델에 보내는 내용을 얼마나 줄였는지 표시합니다. 목표: 70 %. 시차가
--   30분 단위인 곳에서는 자정이 걸친 시간대를 그 시작 날짜로 셉니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column.ko: day 날짜
-- column: compressions count events that measured tokens, weighted by sampling
-- column.ko: compressions 토큰을 측정한 이벤트 수(샘플링 보정)
-- column: tokens_before tokens tokens before
-- column.ko: tokens_before 압축 전 토큰
-- column: tokens_after tokens tokens after
-- column.ko: tokens_after 압축 후 토큰
-- column: savings_rate ratio 1 - tokens_after / tokens_before; null without tokens
-- column.ko: savings_rate 1 - 압축 후 토큰 / 압축 전 토큰. 토큰이 없으면 비어 있음
-- column: partial flag 1 if the range has only a part of the day
-- column.ko: partial 기간에 그날의 일부만 들어 있으면 1
WITH
-- with: bounds
-- with: chosen_segments
-- with: local_range
measured AS (
    SELECT (m.hour * 60 + :utc_offset_minutes) / 1440 AS day, m.measure, m.events, m.total
    FROM bounds b JOIN rollup_measure m ON m.hour >= b.from_hour AND m.hour < b.to_hour
    WHERE m.measure IN ('tokens_before', 'tokens_after')
      AND m.segment_key IN (SELECT segment_key FROM chosen_segments)
),
totals AS (
    SELECT
        day,
        coalesce(sum(events) FILTER (WHERE measure = 'tokens_before'), 0) AS compressions,
        coalesce(sum(total) FILTER (WHERE measure = 'tokens_before'), 0) AS tokens_before,
        coalesce(sum(total) FILTER (WHERE measure = 'tokens_after'), 0) AS tokens_after
    FROM measured
    GROUP BY day
)
SELECT
    day, compressions, tokens_before, tokens_after,
    1 - tokens_after * 1.0 / nullif(tokens_before, 0) AS savings_rate,
    CASE WHEN day * 1440 < from_hour_minute OR (day + 1) * 1440 > to_minute
         THEN 1 ELSE 0 END AS partial
FROM totals CROSS JOIN local_range
ORDER BY day
