-- title: Retention by group
-- about: How many of the users who started in the range came back in the k-th period after, by the tier
--   that they began in, the IDE of their first session, the features of their first seven days or the
--   variant of a flag that they saw first; with the error that a share of so many has by chance. Who
--   used several features in those days is in the group of each. That is no proof of a cause.
-- since: 84d
-- engine: retention_groups
-- events: start, return_event, ever
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: breakdown tier|ide|first_week_feature|variant:* tier tier, ide, first_week_feature or
--   variant:FLAG
-- parameter: period day|week|month week the length of a period of the calendar
-- parameter: start text '' what makes a cohort: an event type or a feature, written as a step of a
--   funnel; empty for any activity
-- parameter: return_event text '' what counts as coming back, written likewise; empty for any activity
-- parameter: mode on|on_or_after on on: in that period; on_or_after: in that one or a later one
-- parameter: cohort_kind first|recurring first first: users are in the cohort of their first start
--   ever; recurring: in that of every period with a start
-- parameter: week_start integer:1..7 1 the day that weeks begin on: 1 is Monday, 7 Sunday
-- column: breakdown text the value of the breakdown; empty where it isn't known
-- column: period count periods after the start
-- column: users count users of the cohorts for which that period is over
-- column: active_users count of these, came back in it
-- column: retention ratio active_users / users
-- column: low ratio lower end of its 95 % interval
-- column: high ratio upper end of its 95 % interval
WITH RECURSIVE
-- with: user_groups
-- with: retention_cells
proportions AS (
    SELECT
        json_array(breakdown, period) AS key, sum(active_users) AS hits, sum(cohort_users) AS trials
    FROM cells
    WHERE active_users IS NOT NULL
    GROUP BY breakdown, period
),
-- with: wilson
SELECT
    key ->> 0 AS breakdown,
    key ->> 1 AS period,
    trials AS users,
    hits AS active_users,
    rate AS retention,
    low AS low,
    high AS high
FROM wilson
ORDER BY max(trials) OVER (PARTITION BY key ->> 0) DESC, key ->> 0, key ->> 1
