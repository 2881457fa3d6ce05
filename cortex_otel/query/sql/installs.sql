-- title: Installed and used
-- title.ko: 설치와 사용
-- about: Of the users who installed the extension until the end of the range, how many used it in
--   the range, how many only at another time, and how many never. Used means activated, clicked or
--   inserted code; in the range in the service and tier asked for, at another time in any. Whole
--   UTC days.
-- about.ko: 기간이 끝날 때까지 확장을 설치한 사용자를 기간에 쓴 사용자, 다른 때에만 쓴 사용자, 쓴 적
--   없는 사용자로 나눕니다. 쓴다는 것은 활성화, 클릭, 코드 삽입을 뜻합니다. 기간의 사용은 선택한
--   서비스와 등급에서, 다른 때의 사용은 모두에서 셉니다. UTC 하루 단위입니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: state text active in the range; inactive, but active at another time; never_used
-- column.ko: state active: 기간에 사용, inactive: 다른 때에만 사용, never_used: 사용한 적 없음
-- column: users count distinct users
-- column.ko: users 서로 다른 사용자 수
-- column: share ratio users / all who installed it
-- column.ko: share 사용자 / 설치한 모든 사용자
WITH
-- with: bounds
-- with: chosen_segments
-- with: used_features
-- with: installed
states AS (
    SELECT CASE WHEN is_active = 1 THEN 'active'
                WHEN last_active IS NULL THEN 'never_used' ELSE 'inactive' END AS state
    FROM installed
),
totals AS (
    SELECT state, count(*) AS users FROM states GROUP BY state
)
SELECT
    state AS state,
    users AS users,
    users * 1.0 / nullif((SELECT sum(users) FROM totals), 0) AS share
FROM totals
ORDER BY state
