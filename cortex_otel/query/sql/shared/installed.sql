-- Users who installed the extension by the end of the range: since when, when they last did anything
-- in it beside that, and whether that was in the range; needs bounds, chosen_segments and
-- used_features. Whole UTC days.
installed AS (
    SELECT
        i.user_key,
        i.installed,
        (SELECT max(l.last_day)
         FROM features f JOIN rollup_user_feature l
            ON l.feature_key = f.feature_key AND l.user_key = i.user_key
         WHERE substr(f.event_type, 1, 4) = 'ext.' AND f.is_active = 1) AS last_active,
        CASE WHEN i.user_key IN (
            SELECT u.user_key FROM used_features u JOIN features f ON f.feature_key = u.feature_key
            WHERE substr(f.event_type, 1, 4) = 'ext.' AND f.is_active = 1
        ) THEN 1 ELSE 0 END AS is_active
    FROM (
        SELECT r.user_key, min(r.first_day) AS installed
        FROM features f
        JOIN rollup_user_feature r ON r.feature_key = f.feature_key
        CROSS JOIN whole_days w
        WHERE f.event_type = 'ext.install'
          AND r.first_day <= w.last_day
          AND r.segment_key IN (SELECT segment_key FROM chosen_segments)
        GROUP BY r.user_key
    ) AS i
)
