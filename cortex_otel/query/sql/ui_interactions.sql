-- title: Most used interactions
-- about: What is done most often in the extension's user interface.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: interaction text action and element
-- column: interactions count how often, weighted by sampling
-- column: users count distinct users
WITH
-- with: chosen_segments
-- with: counted
wanted_features AS (
    SELECT feature_key FROM features WHERE event_type = 'ext.ui_interaction'
),
-- with: used_features
people AS (
    SELECT f.feature, count(DISTINCT u.user_key) AS users
    FROM used_features u JOIN features f ON f.feature_key = u.feature_key
    GROUP BY f.feature
),
-- MATERIALIZED: the few that are wanted are found before anything is counted.
wanted AS MATERIALIZED (
    SELECT series_key, feature FROM series
    WHERE event_type = 'ext.ui_interaction' AND feature <> ''
      AND segment_key IN (SELECT segment_key FROM chosen_segments)
),
totals AS (
    SELECT s.feature, sum(c.events) AS interactions
    FROM counts c JOIN wanted s ON s.series_key = c.series_key
    GROUP BY s.feature
)
SELECT
    t.feature AS interaction,
    t.interactions AS interactions,
    coalesce(p.users, 0) AS users
FROM totals t LEFT JOIN people p ON p.feature = t.feature
ORDER BY t.interactions DESC, t.feature
