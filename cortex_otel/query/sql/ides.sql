-- title: IDEs
-- about: In which IDE the extension is used: distinct users by the IDE of their sessions that
--   overlap the range. A user of two counts for both.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: ide text the IDE
-- column: users count distinct users
-- column: share ratio users / users of all IDEs added up
-- column: sessions count sessions
WITH
-- with: chosen_segments
-- with: sessions_in_range
sittings AS (
    SELECT p.ide, count(DISTINCT n.user_key) AS users, count(*) AS sessions
    FROM sessions_in_range n
    JOIN sessions c ON c.session_key = n.session_key
    JOIN platforms p ON p.platform_key = c.platform_key
    WHERE p.ide <> ''
      AND n.segment_key IN (SELECT segment_key FROM chosen_segments)
    GROUP BY p.ide
)
SELECT
    ide AS ide,
    users AS users,
    users * 1.0 / nullif((SELECT sum(users) FROM sittings), 0) AS share,
    sessions AS sessions
FROM sittings
ORDER BY users DESC, sessions DESC, ide
