-- title: Tool calls
-- title.ko: 도구 호출
-- about: Calls of each MCP tool by tier and service, with failures and durations.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: tool_name text the tool
-- column: user_tier text tier of the caller at the time of the call
-- column: service text service that ran the tool
-- column: calls count calls, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: timeouts count of these, timed out
-- column: cancelled count cancelled by the client; no errors
-- column: error_rate ratio errors / calls
-- column: p50_ms ms half of the calls took at most this; nearest rank
-- column: p95_ms ms 95 % of the calls took at most this
WITH hours AS (
    SELECT
        :from_ns / 3600000000000 AS from_hour,
        (:to_ns + 3599999999999) / 3600000000000 AS to_hour
),
bounds AS (
    SELECT
        from_hour, to_hour,
        (from_hour + 23) / 24 AS from_day,
        to_hour / 24 AS to_day,
        CASE WHEN (from_hour + 23) / 24 * 24 < to_hour
             THEN (from_hour + 23) / 24 * 24 ELSE to_hour END AS head_end,
        CASE WHEN to_hour / 24 * 24 > from_hour
             THEN to_hour / 24 * 24 ELSE from_hour END AS tail_start
    FROM hours
),
chosen_segments AS (
    SELECT segment_key, service, user_tier FROM segments
    WHERE (:service = '' OR service = :service) AND (:user_tier = '' OR user_tier = :user_tier)
),
counted AS (
    SELECT h.series_key, sum(h.events) AS events
    FROM bounds b JOIN rollup_hour h ON h.hour >= b.from_hour AND h.hour < b.to_hour
    GROUP BY h.series_key
),
calls AS (
    SELECT
        s.feature_key, s.segment_key,
        max(s.tool_name) AS tool_name,
        sum(c.events) AS calls,
        coalesce(sum(c.events) FILTER (WHERE s.result IN ('error', 'timeout')), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE s.result = 'timeout'), 0) AS timeouts,
        coalesce(sum(c.events) FILTER (WHERE s.result = 'cancelled'), 0) AS cancelled
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.event_type = 'mcp.tool_call'
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.feature_key, s.segment_key
),
histogram AS (
    SELECT feature_key, segment_key, bucket, sum(events) AS events
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
    WHERE feature_key IN (SELECT feature_key FROM features WHERE event_type = 'mcp.tool_call')
      AND segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY feature_key, segment_key, bucket
),
ranked AS (
    SELECT
        feature_key, segment_key, bucket,
        sum(events) OVER (PARTITION BY feature_key, segment_key ORDER BY bucket) AS reached,
        sum(events) OVER (PARTITION BY feature_key, segment_key) AS total
    FROM histogram
),
percentiles AS (
    SELECT
        feature_key, segment_key,
        min(bucket) FILTER (WHERE reached * 100 >= total * 50) AS p50,
        min(bucket) FILTER (WHERE reached * 100 >= total * 95) AS p95
    FROM ranked
    GROUP BY feature_key, segment_key
)
SELECT
    c.tool_name AS tool_name,
    g.user_tier AS user_tier,
    g.service AS service,
    c.calls AS calls,
    c.errors AS errors,
    c.timeouts AS timeouts,
    c.cancelled AS cancelled,
    c.errors / nullif(c.calls, 0) AS error_rate,
    (SELECT middle_ms FROM duration_buckets WHERE bucket = p.p50) AS p50_ms,
    (SELECT middle_ms FROM duration_buckets WHERE bucket = p.p95) AS p95_ms
FROM calls c
JOIN chosen_segments g ON g.segment_key = c.segment_key
LEFT JOIN percentiles p ON p.feature_key = c.feature_key AND p.segment_key = c.segment_key
ORDER BY c.calls DESC, c.tool_name, g.user_tier, g.service
