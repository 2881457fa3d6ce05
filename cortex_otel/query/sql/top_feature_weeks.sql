-- title: Users of the most used feature
-- about: The weeks of the feature that the question answer_top_feature names.
-- since: 28d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: week epoch_day the Monday of the week
-- column: feature text event type and feature, as in a step of a funnel
-- column: users count distinct users of the feature in that week
-- column: partial flag 1 if the range ends before the week does
WITH
-- asks: feature_weeks
whole AS (
    SELECT *, max(CASE WHEN partial = 0 THEN week END) OVER () AS last_week
    FROM feature_weeks
    WHERE substr(feature, 1, 13) <> 'ext.activate:'
),
led AS (
    SELECT
        *,
        first_value(feature) OVER (
            ORDER BY CASE WHEN week = last_week THEN 0 ELSE 1 END, users DESC, feature
        ) AS top_feature
    FROM whole
)
SELECT
    week AS week,
    feature AS feature,
    users AS users,
    partial AS partial
FROM led
WHERE feature = top_feature AND last_week IS NOT NULL
ORDER BY week
