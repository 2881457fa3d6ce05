-- title: Extension at a glance
-- about: What was done in the IDE extension. Sessions are those that overlap the range.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: active_users count distinct users who were active in the extension in the range
-- column: installs count installations, weighted by sampling
-- column: activations count times the extension was started
-- column: interactions count uses of its user interface
-- column: code_inserts count times code was inserted
-- column: lines_inserted count lines of code inserted
-- column: completions_accepted count completions accepted
-- column: errors count errors of the extension
-- column: error_rate ratio errors / events, of the event types that count in error rates
-- column: rated count events of those types: n of the rate
-- column: sessions count sessions in an IDE
-- column: avg_session_ms ms their mean length; null without sessions
WITH
-- with: counted
-- with: range_span
-- with: measured
-- with: present
-- with: sessions_in_range
-- MATERIALIZED: the few that are wanted are found before anything is counted.
wanted AS MATERIALIZED (
    SELECT series_key, event_type, is_failed, in_error_rate FROM series
    WHERE substr(event_type, 1, 4) = 'ext.'
      AND segment_key IN (SELECT segment_key FROM chosen_segments)
),
totals AS (
    SELECT
        sum(c.events) AS events,
        coalesce(sum(c.events) FILTER (WHERE s.event_type = 'ext.install'), 0) AS installs,
        coalesce(sum(c.events) FILTER (WHERE s.event_type = 'ext.activate'), 0) AS activations,
        coalesce(sum(c.events) FILTER (WHERE s.event_type = 'ext.ui_interaction'), 0) AS interactions,
        coalesce(sum(c.events) FILTER (WHERE s.event_type = 'ext.code_insert'), 0) AS code_inserts,
        coalesce(sum(c.events) FILTER (WHERE s.is_failed = 1), 0) AS errors,
        sum(c.events * s.in_error_rate) AS rated,
        sum(c.events * s.in_error_rate * s.is_failed) AS rated_errors
    FROM counts c JOIN wanted s ON s.series_key = c.series_key
),
measures AS (
    SELECT
        coalesce(sum(total) FILTER (WHERE measure = 'lines_inserted'), 0) AS lines_inserted,
        coalesce(sum(total) FILTER (WHERE measure = 'completions_accepted'), 0) AS completions_accepted
    FROM measured
),
sittings AS (
    SELECT count(*) AS sessions, avg((n.end_time - n.start_time) / 1e6) AS avg_session_ms
    FROM sessions_in_range n
    WHERE n.segment_key IN (SELECT segment_key FROM chosen_segments WHERE service = 'extension')
)
SELECT
    (SELECT count(DISTINCT user_key) FROM present
     WHERE segment_key IN (SELECT segment_key FROM chosen_segments WHERE service = 'extension'))
        AS active_users,
    t.installs AS installs,
    t.activations AS activations,
    t.interactions AS interactions,
    t.code_inserts AS code_inserts,
    m.lines_inserted AS lines_inserted,
    m.completions_accepted AS completions_accepted,
    t.errors AS errors,
    t.rated_errors * 1.0 / nullif(t.rated, 0) AS error_rate,
    coalesce(t.rated, 0) AS rated,
    n.sessions AS sessions,
    n.avg_session_ms AS avg_session_ms
FROM totals t CROSS JOIN measures m CROSS JOIN sittings n
