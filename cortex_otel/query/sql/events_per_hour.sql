-- title: Events per hour
-- title.ko: 시간당 이벤트
-- about: Product events of each hour from the first one recorded on; an hour without any is 0.
-- since: 24h
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: time unix_ns start of the hour
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
WITH RECURSIVE bounds AS (
    SELECT
        CASE WHEN :from_ns / 3600000000000 > (SELECT min(hour) FROM rollup_hour)
             THEN :from_ns / 3600000000000
             ELSE (SELECT min(hour) FROM rollup_hour) END AS from_hour,
        (:to_ns + 3599999999999) / 3600000000000 AS to_hour
),
hours AS (
    SELECT from_hour AS hour FROM bounds WHERE from_hour < to_hour
    UNION ALL
    SELECT h.hour + 1 FROM hours h CROSS JOIN bounds b WHERE h.hour + 1 < b.to_hour
),
chosen_series AS (
    SELECT series_key, CASE WHEN result IN ('error', 'timeout') THEN 1 ELSE 0 END AS failed
    FROM series
    WHERE event_type NOT IN ('span', 'log')
      AND (:service = '' OR service = :service)
      AND (:user_tier = '' OR user_tier = :user_tier)
),
counted AS (
    SELECT h.hour, sum(h.events) AS events, sum(h.events * s.failed) AS errors
    FROM bounds b
    JOIN rollup_hour h ON h.hour >= b.from_hour AND h.hour < b.to_hour
    JOIN chosen_series s ON s.series_key = h.series_key
    GROUP BY h.hour
)
SELECT
    h.hour * 3600000000000 AS time,
    coalesce(c.events, 0) AS events,
    coalesce(c.errors, 0) AS errors
FROM hours h LEFT JOIN counted c ON c.hour = h.hour
ORDER BY h.hour
