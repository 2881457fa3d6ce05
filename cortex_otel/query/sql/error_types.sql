-- title: Errors by type
-- about: Failures by class of error, most first. A feature that fails in the tool of its name is counted
--   once, as that of the tool.
-- events: user
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter: error_type text '' a class of error, unknown where none was recorded; empty for all
-- parameter: tool text '' a tool; empty for all
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- column: error_type text class of the error; unknown where it was not recorded
-- column: errors count events, weighted by sampling
-- column: share ratio errors / all errors
WITH RECURSIVE
-- with: counted
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: counted_for_user
-- with: failed_series
-- with: failed_once
totals AS (
    SELECT error_type, sum(events) AS errors FROM failed_once GROUP BY error_type
)
SELECT
    error_type AS error_type,
    errors AS errors,
    errors * 1.0 / nullif((SELECT sum(errors) FROM totals), 0) AS share
FROM totals
ORDER BY errors DESC, error_type
