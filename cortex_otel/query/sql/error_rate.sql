-- title: Error rate per hour
-- title.ko: 시간당 오류율
-- about: Share of product events that failed or timed out, for each hour that had events.
-- about.ko: 이벤트가 있는 시간대마다 실패하거나 시간 초과된 제품 이벤트의 비율입니다.
-- since: 24h
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: time unix_ns start of the hour
-- column.ko: time 시간대의 시작
-- column: events count product events, weighted by sampling
-- column.ko: events 제품 이벤트 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / events
-- column.ko: error_rate 오류 / 이벤트
-- column: partial flag 1 if the range ends before the hour does
-- column.ko: partial 기간이 그 시간대 중간에 끝나면 1
WITH
-- with: bounds
-- with: chosen_series
SELECT
    h.hour * 3600000000000 AS time,
    sum(h.events) AS events,
    sum(h.events * s.is_failed) AS errors,
    sum(h.events * s.is_failed) * 1.0 / nullif(sum(h.events), 0) AS error_rate,
    CASE WHEN (h.hour + 1) * 3600000000000 > :to_ns THEN 1 ELSE 0 END AS partial
-- Bounds in subqueries: with a join SQLite would sort what is already in the order of hours.
FROM rollup_hour h
JOIN chosen_series s ON s.series_key = h.series_key
WHERE h.hour >= (SELECT from_hour FROM bounds) AND h.hour < (SELECT to_hour FROM bounds)
GROUP BY h.hour
ORDER BY h.hour
