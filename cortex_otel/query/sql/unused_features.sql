-- title: Features nobody used
-- about: Features and event types that nobody used in the range: those that were used before it, and
--   those that are declared and were never recorded. Installs, errors and flag evaluations are no use.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: event_type text the event type
-- column: feature text the tool, element or category; null where all of the event type is unused
-- column: last_used epoch_day the last day of UTC on which it was recorded, before the end of the
--   range; null if never
-- column: users count distinct users who used it at any time before; null where features aren't told
WITH
-- with: chosen_segments
-- with: declared_uses
-- with: counted
in_range AS MATERIALIZED (
    SELECT DISTINCT s.feature_key
    FROM counts c JOIN series s ON s.series_key = c.series_key
    WHERE c.stored > 0 AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
known AS MATERIALIZED (
    SELECT
        f.event_type, f.feature,
        max(CASE WHEN f.feature_key IN (SELECT feature_key FROM in_range) THEN 1 ELSE 0 END) AS is_used,
        max(l.last_day) AS last_day
    FROM features f
    JOIN (
        SELECT s.feature_key, max(d.day) AS last_day
        FROM rollup_day d JOIN series s ON s.series_key = d.series_key
        WHERE d.day * 86400000000000 < :to_ns AND d.stored > 0
          AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
        GROUP BY s.feature_key
    ) l ON l.feature_key = f.feature_key
    WHERE f.is_product = 1 AND f.is_active = 1
    GROUP BY f.event_type, f.feature
),
people AS (
    SELECT f.event_type, f.feature, count(DISTINCT u.user_key) AS users
    FROM known k
    JOIN features f ON f.event_type = k.event_type AND f.feature = k.feature
    JOIN rollup_user_feature u ON u.feature_key = f.feature_key
    WHERE k.is_used = 0 AND k.feature <> '' AND u.first_day * 86400000000000 < :to_ns
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY f.event_type, f.feature
),
types AS (
    SELECT event_type, max(is_used) AS is_used, max(last_day) AS last_day
    FROM known
    GROUP BY event_type
),
unused AS (
    SELECT d.event_type, NULL AS feature, t.last_day, NULL AS users
    FROM declared_uses d LEFT JOIN types t ON t.event_type = d.event_type
    -- An empty store has no unused features: nobody could have used any.
    WHERE coalesce(t.is_used, 0) = 0 AND EXISTS (SELECT 1 FROM rollup_hour)
    UNION ALL
    SELECT k.event_type, k.feature, k.last_day, coalesce(p.users, 0)
    FROM known k
    LEFT JOIN people p ON p.event_type = k.event_type AND p.feature = k.feature
    WHERE k.is_used = 0 AND k.feature <> ''
)
SELECT event_type, feature, last_day AS last_used, users
FROM unused
ORDER BY CASE WHEN last_day IS NULL THEN 1 ELSE 0 END, last_day DESC, event_type, feature
