-- title: Incidents
-- about: Alerts that were firing at any time in the range, first ones first. Where nothing evaluated
--   alerts, as cortex-otel serve does, there are none.
-- since: 7d
-- parameter: from_ns
-- parameter: to_ns
-- column: rule error_rate|response_time|service_down|store|job|disk what was wrong: error_rate, response_time, service_down, store, job or disk
-- column: subject text the service or the job; empty where there is only one
-- column: fired unix_ns when it fired
-- column: resolved unix_ns when it was over; null if it isn't, or wasn't by the end of the range
-- column: value number the worst that was seen: a share or ms, by the rule
-- column: threshold number what it was compared with
SELECT
    rule AS rule,
    subject AS subject,
    fired AS fired,
    CASE WHEN resolved < :to_ns THEN resolved END AS resolved,
    value AS value,
    threshold AS threshold
FROM alerts
WHERE fired IS NOT NULL AND fired < :to_ns AND (resolved IS NULL OR resolved >= :from_ns)
ORDER BY fired, rule, subject
