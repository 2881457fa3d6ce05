-- title: Errors at a glance
-- about: Events that failed or timed out, and their share of all events of the same service, tier,
--   event type and tool.
-- events: user
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter: error_type text '' a class of error, unknown where none was recorded; empty for all
-- parameter: tool text '' a tool; empty for all
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- column: errors count events that failed or timed out, weighted by sampling
-- column: timeouts count of these, timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates;
--   null without any
-- column: rated count events of those types: n of the rate
-- column: error_types count distinct classes of error
-- column: events count product events
-- column: last_error unix_ns when the last error happened; where the events of that hour are no
--   longer kept, the start of the hour
WITH RECURSIVE
-- with: counted
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: counted_for_user
-- with: failed_series
totals AS (
    SELECT
        coalesce(sum(c.events), 0) AS errors,
        coalesce(sum(c.events) FILTER (WHERE f.result = 'timeout'), 0) AS timeouts,
        count(DISTINCT f.error_type) AS error_types
    FROM counted_for_user c JOIN failed_series f ON f.series_key = c.series_key
),
everything AS (
    SELECT
        coalesce(sum(c.events), 0) AS events,
        sum(c.events * s.in_error_rate) AS rated,
        sum(c.events * s.in_error_rate * s.is_failed) FILTER (
            WHERE s.series_key IN (SELECT series_key FROM failed_series)
        ) AS rated_errors
    FROM counted_for_user c JOIN series s ON s.series_key = c.series_key
    WHERE s.is_product = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
      AND (:event_type = '' OR substr(s.event_type, 1, length(:event_type)) = :event_type)
      AND (:tool = '' OR s.tool_name = :tool)
),
-- Of two hours: the errors of the last one may all lie beyond the end of the range.
last_hours AS (
    SELECT h.hour
    FROM rollup_hour h
    WHERE :user = ''
      AND h.hour >= :from_ns / 3600000000000 AND h.hour <= (:to_ns - 1) / 3600000000000
      AND h.series_key + 0 IN (SELECT series_key FROM failed_series)
    GROUP BY h.hour
    ORDER BY h.hour DESC
    LIMIT 2
),
last_errors AS (
    SELECT coalesce(
        (SELECT e.time FROM events e
         WHERE e.time >= l.hour * 3600000000000 AND e.time < (l.hour + 1) * 3600000000000
           AND e.time >= :from_ns AND e.time < :to_ns
           AND e.series_key + 0 IN (SELECT series_key FROM failed_series)
         ORDER BY e.time DESC LIMIT 1),
        CASE WHEN (l.hour + 1) * 3600000000000 <= (SELECT min(time) FROM events)
             THEN l.hour * 3600000000000 END
    ) AS time
    FROM last_hours l
    UNION ALL
    SELECT time FROM user_events WHERE series_key IN (SELECT series_key FROM failed_series)
)
SELECT
    t.errors AS errors,
    t.timeouts AS timeouts,
    coalesce(e.rated_errors, 0) * 1.0 / nullif(e.rated, 0) AS error_rate,
    coalesce(e.rated, 0) AS rated,
    t.error_types AS error_types,
    e.events AS events,
    (SELECT max(time) FROM last_errors) AS last_error
FROM totals t CROSS JOIN everything e
