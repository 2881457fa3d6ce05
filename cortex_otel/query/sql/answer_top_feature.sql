-- title: Most used feature
-- about: The feature with the most users in the last whole week of the range, as the question
--   feature_weeks counts them. That the extension was opened is no feature.
-- since: 28d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- column: week epoch_day the Monday of the week
-- column: feature text event type and feature, as in a step of a funnel
-- column: users count distinct users of the feature in that week
-- column: share_of_active ratio users / active users of the week
WITH
-- asks: feature_weeks
whole AS (
    SELECT *, max(week) OVER () AS last_week
    FROM feature_weeks
    WHERE partial = 0 AND substr(feature, 1, 13) <> 'ext.activate:'
)
SELECT
    week AS week,
    feature AS feature,
    users AS users,
    share_of_active AS share_of_active
FROM whole
WHERE week = last_week AND users > 0
ORDER BY users DESC, feature
LIMIT 1
