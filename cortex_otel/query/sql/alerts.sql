-- title: Alerts
-- about: What cortex-otel serve found wrong: what still is, and what was in the range, newest first.
-- since: 30d
-- limit: 200
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: alert_state all|firing all whether what has been resolved is shown too
-- column: rule error_rate|response_time|service_down|store|job|disk what is wrong: error_rate, response_time, service_down, store, job or disk
-- column: subject text the service or the job; null where there is only one
-- column: state pending|firing|resolved pending (not long enough to tell), firing or resolved
-- column: fired unix_ns when it fired, and was to be told
-- column: duration_ms ms from then until it was resolved, or until now
-- column: value number with which it fired: a rate, milliseconds, failures in a row or MB free
-- column: worst number that was seen until it was resolved
-- column: threshold number from which on it fires
-- column: shown_value text the value with its unit
-- column: shown_threshold text the threshold with its unit
-- column: tool_name text the tool, or event type, that leads in it
-- column: error_type text the class of error that leads in it
-- column: window_from unix_ns start of the range that the value is of
-- column: window_to unix_ns its end; health answers the same number for it
-- column: delivery text to which channels it was told, or why not yet
WITH
told AS (
    SELECT
        m.alert_key,
        string_agg(
            m.channel || ' '
            || CASE WHEN m.delivered IS NOT NULL THEN 'delivered'
                    WHEN m.given_up IS NOT NULL THEN 'given up'
                    WHEN m.attempts = 0 THEN 'waiting' ELSE 'trying' END
            || coalesce(': ' || m.error, ''),
            ', ' ORDER BY m.message_key
        ) AS delivery
    FROM alert_messages m
    WHERE m.message_key IN (SELECT max(message_key) FROM alert_messages GROUP BY alert_key, channel)
    GROUP BY m.alert_key
)
SELECT
    a.rule AS rule,
    nullif(a.subject, '') AS subject,
    a.state AS state,
    a.fired AS fired,
    (coalesce(a.resolved, :to_ns) - a.fired) / 1e6 AS duration_ms,
    a.value AS value,
    a.worst AS worst,
    a.threshold AS threshold,
    CASE a.rule
        WHEN 'error_rate' THEN rtrim(rtrim(CAST(round(a.value * 1000) / 10 AS text), '0'), '.') || '%'
        WHEN 'response_time' THEN CAST(CAST(round(a.value) AS integer) AS text) || ' ms'
        WHEN 'disk' THEN CAST(CAST(round(a.value) AS integer) AS text) || ' MB'
        WHEN 'job' THEN CAST(CAST(a.value AS integer) AS text)
    END AS shown_value,
    CASE a.rule
        WHEN 'error_rate' THEN rtrim(rtrim(CAST(round(a.threshold * 1000) / 10 AS text), '0'), '.') || '%'
        WHEN 'response_time' THEN CAST(CAST(round(a.threshold) AS integer) AS text) || ' ms'
        WHEN 'disk' THEN CAST(CAST(round(a.threshold) AS integer) AS text) || ' MB'
    END AS shown_threshold,
    a.detail ->> 'tool' AS tool_name,
    a.detail ->> 'error_type' AS error_type,
    a.detail ->> 'from_ns' AS window_from,
    a.detail ->> 'to_ns' AS window_to,
    t.delivery AS delivery
FROM alerts a LEFT JOIN told t ON t.alert_key = a.alert_key
WHERE a.since < :to_ns
  AND (a.resolved IS NULL OR (a.resolved >= :from_ns AND :alert_state = 'all'))
  AND (a.state = 'firing' OR :alert_state = 'all')
  AND (:service = '' OR a.subject = :service
       OR a.rule NOT IN ('error_rate', 'response_time', 'service_down'))
ORDER BY CASE a.state WHEN 'resolved' THEN 1 ELSE 0 END, a.since DESC
