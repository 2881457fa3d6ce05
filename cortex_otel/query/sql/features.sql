-- title: Features
-- about: What of the product is used (tools, elements, categories), by how many users and how
--   often.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: service text the service
-- column: event_type text the event type
-- column: feature text the tool, element or category
-- column: users count distinct users
-- column: events count product events, weighted by sampling; those without a user too
WITH
-- with: chosen_segments
-- with: counted
-- with: day_edges
-- Who has used what, if the first or the last day of doing so is in the range: surely in it.
-- Before and after it, but on neither end: only the days themselves tell.
pairs AS (
    SELECT
        u.feature_key, u.user_key,
        max(CASE WHEN u.first_day >= w.first_day OR u.last_day <= w.last_day
                 THEN 1 ELSE 0 END) AS is_sure
    FROM rollup_user_feature u CROSS JOIN whole_days w
    WHERE u.first_day <= w.last_day AND u.last_day >= w.first_day AND w.first_day <= w.last_day
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY u.feature_key, u.user_key
),
used AS (
    SELECT p.feature_key, p.user_key
    FROM pairs p CROSS JOIN whole_days w
    WHERE p.is_sure = 1 OR EXISTS (
        SELECT 1 FROM rollup_user_feature_days d
        WHERE d.feature_key = p.feature_key AND d.user_key = p.user_key
          AND d.segment_key IN (SELECT segment_key FROM chosen_segments)
          AND d.block >= w.first_day / 32 AND d.block <= w.last_day / 32
          AND (d.block > w.first_day / 32 OR d.days >> (w.first_day % 32) <> 0)
          AND (d.block < w.last_day / 32
               OR d.days % (CAST(1 AS bigint) << (w.last_day % 32 + 1))
                  >> CASE WHEN d.block = w.first_day / 32 THEN w.first_day % 32 ELSE 0 END <> 0)
    )
    UNION
    SELECT s.feature_key, e.user_key
    FROM day_edge_events e CROSS JOIN series s
    WHERE s.series_key = e.series_key AND s.is_product = 1 AND s.feature <> ''
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
people AS (
    SELECT feature_key, count(*) AS users FROM used GROUP BY feature_key
),
totals AS (
    SELECT s.feature_key, sum(c.events) AS events
    FROM counted c JOIN series s ON s.series_key = c.series_key
    WHERE s.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY s.feature_key
)
SELECT
    f.service AS service,
    f.event_type AS event_type,
    f.feature AS feature,
    coalesce(p.users, 0) AS users,
    t.events AS events
FROM totals t
JOIN features f ON f.feature_key = t.feature_key
LEFT JOIN people p ON p.feature_key = t.feature_key
WHERE f.feature <> '' AND f.is_product = 1
ORDER BY coalesce(p.users, 0) DESC, t.events DESC, f.service, f.event_type, f.feature
