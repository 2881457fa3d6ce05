-- title: Response times
-- title.ko: 응답 시간
-- about: Durations by event type, slowest P95 first. Percentiles are merged from histograms and
--   never averaged.
-- about.ko: 이벤트 유형별 소요 시간이며, P95가 느린 것부터 표시합니다. 백분위수는 히스토그램을 합쳐
--   구하고 평균 내지 않습니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: event_type text the event type
-- column.ko: event_type 이벤트 유형
-- column: n count events with a duration, weighted by sampling
-- column.ko: n 소요 시간이 있는 이벤트 수(샘플링 보정)
-- column: p50_ms ms half of the durations are at most this; nearest rank
-- column.ko: p50_ms 소요 시간의 절반이 이 값 이하(최근접 순위)
-- column: p95_ms ms 95 % of the durations are at most this
-- column.ko: p95_ms 소요 시간의 95 %가 이 값 이하
-- column: p99_ms ms 99 % of the durations are at most this
-- column.ko: p99_ms 소요 시간의 99 %가 이 값 이하
WITH
-- with: bounds
-- with: chosen_segments
-- with: durations
histogram AS (
    SELECT f.event_type, d.bucket, sum(d.events) AS events
    FROM durations d JOIN features f ON f.feature_key = d.feature_key
    WHERE f.is_product = 1
    GROUP BY f.event_type, d.bucket
),
ranked AS (
    SELECT
        event_type, bucket,
        sum(events) OVER (PARTITION BY event_type ORDER BY bucket) AS reached,
        sum(events) OVER (PARTITION BY event_type) AS total
    FROM histogram
),
percentiles AS (
    SELECT
        event_type,
        max(total) AS n,
        min(bucket) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(bucket) FILTER (WHERE reached * 100 >= total * 95) AS p95,
        min(bucket) FILTER (WHERE reached * 100 >= total * 99) AS p99
    FROM ranked
    GROUP BY event_type
)
SELECT
    p.event_type AS event_type,
    p.n AS n,
    m50.middle_ms AS p50_ms,
    m95.middle_ms AS p95_ms,
    m99.middle_ms AS p99_ms
FROM percentiles p
JOIN duration_buckets m50 ON m50.bucket = p.p50
JOIN duration_buckets m95 ON m95.bucket = p.p95
JOIN duration_buckets m99 ON m99.bucket = p.p99
ORDER BY p.p95 DESC, p.event_type
