-- title: Retention
-- about: Of the users who started in a period of the calendar, how many came back in the k-th period
--   after it. With a service or a tier: of those who were in it when they started, whatever they are
--   in when they come back. A period that isn't over at the end of the range is null.
-- since: 84d
-- engine: retention
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
-- column: cohort epoch_day the first day of the period in which they started
-- column: period count periods after that; 0 is that period itself
-- column: cohort_users count distinct users of the cohort
-- column: active_users count of these, came back; null if the period isn't over
-- column: retention ratio active_users / cohort_users; null if the period isn't over
WITH RECURSIVE
-- with: all_together
-- with: retention_cells
SELECT
    cohort AS cohort,
    period AS period,
    cohort_users AS cohort_users,
    active_users AS active_users,
    active_users * 1.0 / nullif(cohort_users, 0) AS retention
FROM cells
ORDER BY cohort, period
