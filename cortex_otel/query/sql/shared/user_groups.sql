-- The groups of each user, by :breakdown: the tier that they began in, the IDE of their first session,
-- what they used on the first seven days (UTC, from that of the first use on), or the variant that they
-- saw first of a flag. '' where it isn't known, or there is none.
-- with: known_tiers
-- with: first_exposures
-- with: named_features
known_groups AS (
    SELECT user_key, user_tier AS breakdown
    FROM (
        SELECT
            t.user_key, t.user_tier,
            row_number() OVER (PARTITION BY t.user_key ORDER BY t.first_seen, r.tier_rank) AS turn
        FROM user_tiers t JOIN known_tiers r ON r.user_tier = t.user_tier
        WHERE :breakdown = 'tier'
    ) AS tiers
    WHERE turn = 1
    UNION ALL
    SELECT user_key, ide
    FROM (
        SELECT
            n.user_key, p.ide,
            row_number() OVER (PARTITION BY n.user_key ORDER BY n.start_time, n.session_key) AS turn
        FROM sessions n JOIN platforms p ON p.platform_key = n.platform_key
        WHERE :breakdown = 'ide' AND n.user_key IS NOT NULL AND p.ide <> ''
    ) AS ides
    WHERE turn = 1
    UNION ALL
    SELECT DISTINCT f.user_key, k.name
    FROM rollup_user_feature f
    JOIN named_features k ON k.feature_key = f.feature_key
    JOIN users u ON u.user_key = f.user_key
    WHERE :breakdown = 'first_week_feature'
      AND f.first_day < u.first_active / 86400000000000 + 7
    UNION ALL
    SELECT user_key, variant FROM first_exposures
),
user_groups AS MATERIALIZED (
    SELECT u.user_key, coalesce(k.breakdown, '') AS breakdown
    FROM users u LEFT JOIN known_groups k ON k.user_key = u.user_key
)
