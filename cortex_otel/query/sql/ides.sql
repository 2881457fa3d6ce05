-- title: IDEs
-- title.ko: IDE 분포
-- about: In which IDE the extension is used: distinct users by the IDE of their sessions that
--   overlap the range. Who uses two counts for both.
-- about.ko: 확장을 쓰는 IDE입니다. 기간과 겹치는 세션의 IDE별 사용자 수이며, 둘을 쓰면 둘 다에
--   셉니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: ide text the IDE
-- column.ko: ide IDE
-- column: users count distinct users
-- column.ko: users 서로 다른 사용자 수
-- column: share ratio users / users of all IDEs added up
-- column.ko: share 사용자 / 모든 IDE의 사용자를 더한 수
-- column: sessions count sessions
-- column.ko: sessions 세션 수
WITH
-- with: chosen_segments
-- with: sessions_in_range
sittings AS (
    SELECT p.ide, count(DISTINCT n.user_key) AS users, count(*) AS sessions
    FROM sessions_in_range n JOIN platforms p ON p.platform_key = n.platform_key
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
