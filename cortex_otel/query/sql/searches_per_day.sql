-- title: Search time per day
-- about: How long searches of the context took on each calendar day that had any. Where local time
--   is off by half an hour, the hour around midnight counts for the day it starts in.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- column: day epoch_day the calendar day
-- column: n count searches with a duration: n of the percentiles
-- column: p50_ms ms half of the searches took at most this; nearest rank
-- column: p95_ms ms 95 % of the searches took at most this
-- column: partial flag 1 if the range has only a part of the day
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
