-- title: Features by tier
-- about: How many users used each feature (tool, element, category) under each tier in the range, what
--   share of the users active under that tier that is, and how often each of them used it; the
--   features with the most users. A user who changed tier counts under both. Uses are weighted by
--   sampling.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: top integer:1..200 25 how many features
-- column: feature text event type and feature, as in a step of a funnel
-- column: user_tier free|trial|paid|enterprise the tier at the time of use
-- column: users count distinct users of the feature under the tier
-- column: share_of_active ratio users / active users of the tier; null without any
-- column: uses_per_user count uses / users, those without a user id too; null without users
WITH
-- with: range_span
-- with: present
-- with: day_edges
-- with: named_features
-- with: counted
-- with: known_tiers
tier_segments AS MATERIALIZED (
    SELECT
        segment_key, user_tier,
        min(segment_key) OVER (PARTITION BY user_tier) AS tier_key
    FROM chosen_segments
    WHERE user_tier <> ''
),
tier_users AS (
    SELECT t.tier_key, count(DISTINCT p.user_key) AS users
    FROM present p JOIN tier_segments t ON t.segment_key = p.segment_key
    GROUP BY t.tier_key
),
used AS (
    SELECT DISTINCT (n.name_key * 1024 + t.tier_key) * 4294967296 + u.user_key AS cell
    FROM (
        SELECT d.feature_key, d.segment_key, d.user_key
        FROM rollup_user_feature_days d CROSS JOIN whole_days w
        WHERE d.block >= w.first_day / 32 AND d.block <= w.last_day / 32
          AND w.first_day <= w.last_day
          AND CASE WHEN d.block = w.last_day / 32
                   THEN d.days % (CAST(1 AS bigint) << (w.last_day % 32 + 1)) ELSE d.days END
              >> CASE WHEN d.block = w.first_day / 32 THEN w.first_day % 32 ELSE 0 END <> 0
        UNION ALL
        SELECT s.feature_key, s.segment_key, e.user_key
        FROM day_edge_events e CROSS JOIN series s
        WHERE s.series_key = e.series_key
    ) AS u
    CROSS JOIN named_features n
    CROSS JOIN tier_segments t
    WHERE n.feature_key = u.feature_key AND t.segment_key = u.segment_key
),
cells AS (
    SELECT name_key, tier_key, sum(users) AS users, sum(events) AS events
    FROM (
        SELECT pair / 1024 AS name_key, pair % 1024 AS tier_key, count(*) AS users, 0.0 AS events
        FROM (SELECT cell / 4294967296 AS pair FROM used) AS pairs
        GROUP BY pair
        UNION ALL
        SELECT n.name_key, t.tier_key, 0, c.events
        FROM counted c
        JOIN series s ON s.series_key = c.series_key
        JOIN named_features n ON n.feature_key = s.feature_key
        JOIN tier_segments t ON t.segment_key = s.segment_key
        UNION ALL
        SELECT n.name_key, t.tier_key, 0, 0.0 FROM named_features n CROSS JOIN tier_segments t
    ) AS parts
    GROUP BY name_key, tier_key
),
ranked AS (
    SELECT
        name_key, tier_key, users, events,
        dense_rank() OVER (ORDER BY all_users DESC, name_key) AS place
    FROM (SELECT *, sum(users) OVER (PARTITION BY name_key) AS all_users FROM cells) AS added_up
    WHERE all_users > 0
)
SELECT
    n.name AS feature,
    t.user_tier AS user_tier,
    r.users AS users,
    r.users * 1.0 / nullif(a.users, 0) AS share_of_active,
    r.events * 1.0 / nullif(r.users, 0) AS uses_per_user
FROM ranked r
JOIN named_features n ON n.feature_key = r.name_key
JOIN tier_segments t ON t.segment_key = r.tier_key
LEFT JOIN tier_users a ON a.tier_key = r.tier_key
LEFT JOIN known_tiers k ON k.user_tier = t.user_tier
WHERE r.place <= :top
ORDER BY r.place, coalesce(k.tier_rank, 99), t.user_tier
