-- title: Named metrics over time
-- about: The named metrics as they were written when each hour, day or week was over, and corrected when
--   late events came; they stay when the events are long gone. Each period that the range touches has a
--   row, unless nothing was written of it. Hourly and daily: error rate and response times; daily:
--   users, savings and acceptance; weekly: conversion of those first seen in the week, as soon as
--   everyone's 30 days are over.
-- since: 365d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: period hourly|daily|weekly daily how long the periods are
-- column: time unix_ns start of the period
-- column: dau count distinct active users on the day
-- column: mau count distinct active users in the 30 days that end with the day; null until 30 are recorded
-- column: error_rate ratio share of the product events that failed or timed out
-- column: avg_ms ms mean duration of the events that have one
-- column: p95_ms ms 95 % of the durations are at most this
-- column: p99_ms ms 99 % of the durations are at most this
-- column: timed count events with a duration: n of the mean and the percentiles
-- column: savings_rate ratio share of the tokens that Smart Context saved
-- column: accuracy ratio share of the suggested references that were accepted
-- column: conversion_rate ratio share of those who began unpaid in the week and came to pay within 30 days
-- column: partial flag always 0: only periods that are over are here
SELECT
    start_timestamp AS time,
    CAST(max(value) FILTER (WHERE metric_name = 'dau') AS bigint) AS dau,
    CAST(max(value) FILTER (WHERE metric_name = 'mau') AS bigint) AS mau,
    max(value) FILTER (WHERE metric_name = 'error_rate') AS error_rate,
    max(value) FILTER (WHERE metric_name = 'avg_response_time') AS avg_ms,
    max(value) FILTER (WHERE metric_name = 'p95_response_time') AS p95_ms,
    max(value) FILTER (WHERE metric_name = 'p99_response_time') AS p99_ms,
    max(count) FILTER (WHERE metric_name = 'p95_response_time') AS timed,
    max(value) FILTER (WHERE metric_name = 'token_savings_rate') AS savings_rate,
    max(value) FILTER (WHERE metric_name = 'reference_accuracy') AS accuracy,
    max(value) FILTER (WHERE metric_name = 'conversion_rate') AS conversion_rate,
    0 AS partial
FROM telemetry_metrics
-- What a client sends has none of these kinds, whatever it is called.
WHERE kind IN ('hourly', 'daily', 'weekly') AND kind = :period
  AND metric_name IN (
    'dau', 'mau', 'error_rate', 'avg_response_time', 'p95_response_time', 'p99_response_time',
    'token_savings_rate', 'reference_accuracy', 'conversion_rate'
  )
  AND service = :service AND user_tier = :user_tier
  AND timestamp > :from_ns AND start_timestamp < :to_ns
GROUP BY start_timestamp
ORDER BY start_timestamp
