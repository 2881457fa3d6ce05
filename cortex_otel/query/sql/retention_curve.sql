-- title: Retention curve
-- about: How many of all users of the cohorts of the range came back in the k-th period after the one
--   they started in: the mean over cohorts, by their size, where that period is over.
-- since: 84d
-- engine: retention_curve
-- events: start, return_event, ever
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: period day|week|month week the length of a period of the calendar
-- parameter: start text '' what makes a cohort: an event type or a feature, written as a step of a
--   funnel; empty for any activity
-- parameter: return_event text '' what counts as coming back, written likewise; empty for any activity
-- parameter: mode on|on_or_after on on: in that period; on_or_after: in that one or a later one
-- parameter: cohort_kind first|recurring first first: users are in the cohort of their first start
--   ever; recurring: in that of every period with a start
-- parameter: week_start integer:1..7 1 the day that weeks begin on: 1 is Monday, 7 Sunday
-- column: period count periods after the start
-- column: period_name text the same as text, for an axis
-- column: users count users of the cohorts for which that period is over
-- column: active_users count of these, came back in it
-- column: retention ratio active_users / users
WITH RECURSIVE
-- with: all_together
-- with: retention_cells
SELECT
    period AS period,
    CAST(period AS text) AS period_name,
    sum(cohort_users) AS users,
    sum(active_users) AS active_users,
    sum(active_users) * 1.0 / nullif(sum(cohort_users), 0) AS retention
FROM cells
WHERE active_users IS NOT NULL
GROUP BY period
ORDER BY period
