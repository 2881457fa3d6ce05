-- title: Where it fails
-- about: Failures by event type and tool, with the share of all such events that failed. A feature that
--   fails in the tool of its name is counted once, as that of the tool.
-- events: user
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter: error_type text '' a class of error, unknown where none was recorded; empty for all
-- parameter: tool text '' a tool; empty for all
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- column: event_type text the event type
-- column: tool_name text the tool, if it was a tool call
-- column: errors count events that failed or timed out, weighted by sampling
-- column: timeouts count of these, timed out
-- column: events count all events of that type and tool
-- column: error_rate ratio errors / events, of the event types that count in error rates
WITH RECURSIVE
-- with: counted
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: counted_for_user
-- with: failed_series
-- with: failed_once
failures AS (
    SELECT
        f.event_type, f.tool_name,
        sum(f.events) AS errors,
        coalesce(sum(f.events) FILTER (WHERE f.result = 'timeout'), 0) AS timeouts
    FROM failed_once f
    GROUP BY f.event_type, f.tool_name
),
totals AS (
    SELECT
        s.event_type, s.tool_name, sum(c.events) AS events,
        sum(c.events * s.in_error_rate) AS rated
    FROM counted_for_user c JOIN series s ON s.series_key = c.series_key
    WHERE (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
    GROUP BY s.event_type, s.tool_name
)
SELECT
    f.event_type AS event_type,
    nullif(f.tool_name, '') AS tool_name,
    f.errors AS errors,
    f.timeouts AS timeouts,
    t.events AS events,
    f.errors * 1.0 / nullif(t.rated, 0) AS error_rate
FROM failures f JOIN totals t ON t.event_type = f.event_type AND t.tool_name = f.tool_name
ORDER BY f.errors DESC, f.event_type, f.tool_name
