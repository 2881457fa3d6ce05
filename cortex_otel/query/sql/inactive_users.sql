-- title: Installed but inactive
-- title.ko: 설치했지만 쓰지 않는 사용자
-- about: Users who installed the extension until the end of the range and did not use it in the
--   range, latest installation first. Whole UTC days.
-- about.ko: 기간이 끝날 때까지 확장을 설치했지만 기간에는 쓰지 않은 사용자입니다. 최근에 설치한
--   순서이며 UTC 하루 단위입니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- column: user_id_hash text the user, hashed
-- column.ko: user_id_hash 사용자(해시)
-- column: installed epoch_day when they installed it first
-- column.ko: installed 처음 설치한 날
-- column: last_active epoch_day when they last used it; null if never
-- column.ko: last_active 마지막으로 쓴 날. 쓴 적이 없으면 비어 있음
WITH
-- with: bounds
-- with: chosen_segments
-- with: used_features
-- with: installed
SELECT
    u.user_id_hash AS user_id_hash,
    i.installed AS installed,
    i.last_active AS last_active
FROM installed i JOIN users u ON u.user_key = i.user_key
WHERE i.is_active = 0
ORDER BY i.installed DESC, u.user_id_hash
