-- title: What the user uses
-- about: Tools, elements and other features that one user used in the range, most used first.
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: user text '' the user hash, or its beginning; empty for nobody
-- column: event_type text the event type
-- column: feature text the tool, element or category; null where the event type says it all
-- column: events count how often, weighted by sampling
-- column: errors count of these, failed or timed out
-- column: error_rate ratio errors / events, of the event types that count in error rates
-- column: avg_ms ms mean duration of those that have one
-- column: last_used unix_ns the last time
WITH RECURSIVE
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- By series first: numbers are sorted in place of text.
used AS (
    SELECT
        series_key,
        sum(weight) AS events,
        sum(weight) FILTER (WHERE duration IS NOT NULL) AS timed,
        sum(weight * duration / 1e6) AS duration_ms,
        max(time) AS last_used
    FROM user_events
    GROUP BY series_key
)
SELECT
    s.event_type AS event_type,
    nullif(s.feature, '') AS feature,
    sum(u.events) AS events,
    coalesce(sum(u.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
    sum(u.events * s.in_error_rate * s.is_failed) / nullif(sum(u.events * s.in_error_rate), 0)
        AS error_rate,
    sum(u.duration_ms) / sum(u.timed) AS avg_ms,
    max(u.last_used) AS last_used
FROM used u JOIN series s ON s.series_key = u.series_key
GROUP BY s.event_type, s.feature
ORDER BY sum(u.events) DESC, s.event_type, s.feature
