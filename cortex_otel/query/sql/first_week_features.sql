-- title: What retained users did first
-- about: For each feature, whether users who used it in their first seven days came back more often in
--   their fourth week than other users as active as they were; of those first seen in the range, at
--   least four weeks before its end. Users are compared within quarters by the number of their events in
--   those days (Mantel and Haenszel). A lift of 2 is twice as likely. That is no proof of a cause: who
--   will stay may look for the feature. Nothing is said with fewer users than asked for on either
--   side. The days are those of UTC, from that of the first event on.
-- since: 180d
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: min_users integer:1..1000000000 30 users that there must be with and without the feature
-- column: feature text event type and feature, as in a step of a funnel
-- column: users_with count distinct users who used it in their first seven days
-- column: users_without count distinct users who did not
-- column: retained_with count of those with, active 21 to 27 days after their first day
-- column: retained_without count the same of those without
-- column: lift factor how much likelier those with came back, among equally active ones; null if there
--   are too few
-- column: low factor lower end of its 95 % interval
-- column: high factor upper end of its 95 % interval
WITH
-- with: chosen_segments
-- with: named_features
-- with: first_events
newcomers AS MATERIALIZED (
    SELECT user_key, first_seen / 86400000000000 AS first_day
    FROM first_events
    WHERE first_seen >= :from_ns AND first_seen < :to_ns
      AND (first_seen / 86400000000000 + 28) * 86400000000000 <= :to_ns
),
habits AS MATERIALIZED (
    SELECT
        n.user_key, n.first_day,
        sum(CASE WHEN u.day < n.first_day + 7 THEN u.events ELSE 0 END) AS events,
        max(CASE WHEN u.day >= n.first_day + 21 AND u.half_hours <> 0 THEN 1 ELSE 0 END) AS is_retained
    -- CROSS JOIN: no index leads from a user to the days; left to itself, SQLite reads all days for each.
    FROM rollup_user_day u CROSS JOIN newcomers n
    WHERE u.day >= :from_ns / 86400000000000 AND u.day < :to_ns / 86400000000000
      AND n.user_key = u.user_key AND u.day >= n.first_day AND u.day < n.first_day + 28
      AND u.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY n.user_key, n.first_day
),
-- Quarters; who has as many events as another is in the same.
quarters AS MATERIALIZED (
    SELECT
        user_key, first_day, is_retained,
        (rank() OVER (ORDER BY events) - 1) * 4 / count(*) OVER () AS quarter
    FROM habits
    WHERE events > 0
),
first_uses AS (
    SELECT DISTINCT k.name_key, q.user_key, q.quarter, q.is_retained
    -- CROSS JOIN: each row of the roll-up once; a look-up a user and feature takes three times as long.
    FROM rollup_user_feature_days d
    CROSS JOIN quarters q
    CROSS JOIN named_features k
    WHERE q.user_key = d.user_key AND k.feature_key = d.feature_key
      AND d.block >= q.first_day / 32 AND d.block <= (q.first_day + 6) / 32
      AND d.segment_key IN (SELECT segment_key FROM chosen_segments)
      AND CASE WHEN d.block = q.first_day / 32
               THEN d.days >> (q.first_day % 32) & 127
               ELSE d.days & ((CAST(1 AS bigint) << ((q.first_day + 6) % 32 + 1)) - 1) END <> 0
),
sizes AS (
    SELECT quarter, count(*) AS users, sum(is_retained) AS retained FROM quarters GROUP BY quarter
),
names AS (
    SELECT DISTINCT name_key, name FROM named_features
),
strata AS (
    SELECT
        n.name_key AS key,
        coalesce(f.retained, 0) AS hits,
        coalesce(f.users, 0) AS users,
        z.retained - coalesce(f.retained, 0) AS other_hits,
        z.users - coalesce(f.users, 0) AS others
    FROM names n
    CROSS JOIN sizes z
    LEFT JOIN (
        SELECT name_key, quarter, count(*) AS users, sum(is_retained) AS retained
        FROM first_uses
        GROUP BY name_key, quarter
    ) f ON f.name_key = n.name_key AND f.quarter = z.quarter
),
-- with: mantel_haenszel
SELECT
    n.name AS feature,
    m.users AS users_with,
    m.others AS users_without,
    m.hits AS retained_with,
    m.other_hits AS retained_without,
    CASE WHEN m.users >= :min_users AND m.others >= :min_users THEN m.ratio END AS lift,
    CASE WHEN m.users >= :min_users AND m.others >= :min_users THEN m.ratio_low END AS low,
    CASE WHEN m.users >= :min_users AND m.others >= :min_users THEN m.ratio_high END AS high
FROM mantel_haenszel m JOIN names n ON n.name_key = m.key
WHERE m.users > 0
ORDER BY
    CASE WHEN m.users >= :min_users AND m.others >= :min_users AND m.ratio_low IS NOT NULL
         THEN 0 ELSE 1 END,
    m.ratio_low DESC, m.users DESC, n.name
