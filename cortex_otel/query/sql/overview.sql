-- title: Overview
-- title.ko: 개요
-- about: How much the product was used, by how many, how well and how fast. Spans of other
--   instrumentations are no product events and stay out.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: events count product events, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events; null without events
-- column: active_users count distinct users with an event in the range widened to half hours
-- column: sessions count sessions that overlap the range
-- column: avg_ms ms mean duration of the events that have one
-- column: p50_ms ms half of the durations are at most this; nearest rank
-- column: p95_ms ms 95 % of the durations are at most this
-- column: p99_ms ms 99 % of the durations are at most this
WITH hours AS (
    SELECT
        :from_ns / 3600000000000 AS from_hour,
        (:to_ns + 3599999999999) / 3600000000000 AS to_hour,
        :from_ns / 1800000000000 AS from_half,
        (:to_ns + 1799999999999) / 1800000000000 AS to_half
),
bounds AS (
    SELECT
        from_hour, to_hour, from_half, to_half,
        (from_hour + 23) / 24 AS from_day,
        to_hour / 24 AS to_day,
        CASE WHEN (from_hour + 23) / 24 * 24 < to_hour
             THEN (from_hour + 23) / 24 * 24 ELSE to_hour END AS head_end,
        CASE WHEN to_hour / 24 * 24 > from_hour
             THEN to_hour / 24 * 24 ELSE from_hour END AS tail_start
    FROM hours
),
chosen_segments AS (
    SELECT segment_key FROM segments
    WHERE (:service = '' OR service = :service) AND (:user_tier = '' OR user_tier = :user_tier)
),
chosen_features AS (
    SELECT feature_key FROM features WHERE event_type NOT IN ('span', 'log')
),
counted AS (
    SELECT h.series_key, sum(h.events) AS events, sum(h.timed) AS timed,
           sum(h.duration_ms) AS duration_ms
    FROM bounds b JOIN rollup_hour h ON h.hour >= b.from_hour AND h.hour < b.to_hour
    GROUP BY h.series_key
),
totals AS (
    SELECT
        coalesce(sum(c.events), 0) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.result IN ('error', 'timeout')), 0) AS errors,
        sum(c.timed) AS timed,
        sum(c.duration_ms) AS duration_ms
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.event_type NOT IN ('span', 'log')
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
active AS (
    SELECT count(DISTINCT u.user_key) AS users
    FROM bounds b JOIN rollup_user_day u
        ON u.day >= b.from_half / 48 AND u.day <= (b.to_half - 1) / 48
    WHERE u.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND (u.day > b.from_half / 48 OR u.half_hours >> (b.from_half % 48) <> 0)
      AND (u.day < b.to_half / 48
           OR u.half_hours % (CAST(1 AS bigint) << (b.to_half % 48))
              >> CASE WHEN u.day = b.from_half / 48 THEN b.from_half % 48 ELSE 0 END <> 0)
),
histogram AS (
    SELECT bucket, sum(events) AS events
    FROM (
        SELECT d.feature_key, d.segment_key, d.bucket, d.events
        FROM bounds b JOIN rollup_day_duration d ON d.day >= b.from_day AND d.day < b.to_day
        UNION ALL
        SELECT h.feature_key, h.segment_key, h.bucket, h.events
        FROM bounds b JOIN rollup_hour_duration h
            ON h.hour >= b.from_hour AND h.hour < b.head_end
        UNION ALL
        SELECT h.feature_key, h.segment_key, h.bucket, h.events
        FROM bounds b JOIN rollup_hour_duration h
            ON h.hour >= b.tail_start AND h.hour >= b.head_end AND h.hour < b.to_hour
    ) AS parts
    WHERE feature_key IN (SELECT feature_key FROM chosen_features)
      AND segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY bucket
),
ranked AS (
    SELECT bucket, sum(events) OVER (ORDER BY bucket) AS reached, sum(events) OVER () AS total
    FROM histogram
),
percentiles AS (
    SELECT
        min(bucket) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(bucket) FILTER (WHERE reached * 100 >= total * 95) AS p95,
        min(bucket) FILTER (WHERE reached * 100 >= total * 99) AS p99
    FROM ranked
)
SELECT
    t.events AS events,
    t.errors AS errors,
    t.errors / nullif(t.events, 0) AS error_rate,
    (SELECT users FROM active) AS active_users,
    (SELECT count(*) FROM sessions n
     WHERE n.end_time >= :from_ns AND n.start_time < :to_ns
       AND n.events > 0 AND n.session_id <> ''
       AND n.segment_key IN (SELECT segment_key FROM chosen_segments)) AS sessions,
    t.duration_ms / nullif(t.timed, 0) AS avg_ms,
    (SELECT middle_ms FROM duration_buckets WHERE bucket = p.p50) AS p50_ms,
    (SELECT middle_ms FROM duration_buckets WHERE bucket = p.p95) AS p95_ms,
    (SELECT middle_ms FROM duration_buckets WHERE bucket = p.p99) AS p99_ms
FROM totals t CROSS JOIN percentiles p
