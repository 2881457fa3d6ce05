-- title: Search time per day
-- title.ko: 일간 검색 시간
-- about: How long searches of the context took on each calendar day that had any. Where local time
--   is off by half an hour, the hour around midnight counts for the day it starts in.
-- about.ko: 검색이 있던 날마다 걸린 시간입니다. 시차가 30분 단위인 곳에서는 자정이 걸친 시간대를 그
--   시작 날짜로 셉니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column.ko: day 날짜
-- column: n count searches with a duration: n of the percentiles
-- column.ko: n 소요 시간이 있는 검색 수: 백분위수의 n
-- column: p50_ms ms half of the searches took at most this; nearest rank
-- column.ko: p50_ms 검색의 절반이 이 시간 이하(최근접 순위)
-- column: p95_ms ms 95 % of the searches took at most this
-- column.ko: p95_ms 검색의 95 %가 이 시간 이하
-- column: partial flag 1 if the range has only a part of the day
-- column.ko: partial 기간에 그날의 일부만 들어 있으면 1
WITH RECURSIVE
-- with: bounds
-- with: chosen_segments
-- with: local_range
-- with: search_durations
histogram AS (
    SELECT (hour * 60 + :utc_offset_minutes) / 1440 AS day, bucket, sum(events) AS events
    FROM search_durations
    GROUP BY (hour * 60 + :utc_offset_minutes) / 1440, bucket
),
ranked AS (
    SELECT
        day, bucket,
        sum(events) OVER (PARTITION BY day ORDER BY bucket) AS reached,
        sum(events) OVER (PARTITION BY day) AS total
    FROM histogram
),
percentiles AS (
    SELECT
        day,
        max(total) AS n,
        min(bucket) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(bucket) FILTER (WHERE reached * 100 >= total * 95) AS p95
    FROM ranked
    GROUP BY day
)
SELECT
    p.day AS day,
    p.n AS n,
    (SELECT middle_ms FROM duration_buckets WHERE bucket = p.p50) AS p50_ms,
    (SELECT middle_ms FROM duration_buckets WHERE bucket = p.p95) AS p95_ms,
    CASE WHEN p.day * 1440 < from_hour_minute OR (p.day + 1) * 1440 > to_minute
         THEN 1 ELSE 0 END AS partial
FROM percentiles p CROSS JOIN local_range
ORDER BY p.day
