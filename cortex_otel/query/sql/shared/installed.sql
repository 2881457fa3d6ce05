-- Users who installed the extension by the end of the range: since when, when they last did anything
-- in it beside that, and whether that was in the range. Days are those of UTC.
wanted_features AS (
    SELECT feature_key FROM features WHERE substr(event_type, 1, 4) = 'ext.' AND is_active = 1
),
-- with: used_features
-- Each read once and kept: asked about for each of thousands of users, they took seconds.
last_uses AS MATERIALIZED (
    SELECT l.user_key, max(l.last_day) AS last_active
    FROM wanted_features f CROSS JOIN rollup_user_feature l
    WHERE l.feature_key = f.feature_key
    GROUP BY l.user_key
),
used_now AS MATERIALIZED (
    SELECT DISTINCT user_key FROM used_features
),
installed AS (
    SELECT
        i.user_key,
        min(i.installed) AS installed,
        max(l.last_active) AS last_active,
        max(CASE WHEN n.user_key IS NOT NULL THEN 1 ELSE 0 END) AS is_active
    FROM (
        SELECT r.user_key, r.first_day AS installed
        FROM features f
        JOIN rollup_user_feature r ON r.feature_key = f.feature_key
        CROSS JOIN whole_days w
        WHERE f.event_type = 'ext.install'
          AND (r.first_day < :to_ns / 86400000000000 OR r.first_day <= w.last_day)
          AND r.segment_key IN (SELECT segment_key FROM chosen_segments)
        UNION ALL
        -- On the day that the range ends within.
        SELECT e.user_key, e.time / 86400000000000
        FROM whole_days w CROSS JOIN events e
        WHERE e.time >= :to_ns / 86400000000000 * 86400000000000 AND e.time < :to_ns
          AND w.last_day < :to_ns / 86400000000000
          AND e.series_key IN (
            SELECT series_key FROM series
            WHERE event_type = 'ext.install'
              AND segment_key IN (SELECT segment_key FROM chosen_segments)
          )
    ) AS i
    LEFT JOIN last_uses l ON l.user_key = i.user_key
    LEFT JOIN used_now n ON n.user_key = i.user_key
    GROUP BY i.user_key
)
