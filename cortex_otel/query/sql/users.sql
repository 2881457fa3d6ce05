-- title: Users
-- title.ko: 사용자
-- about: Users with a product event in the range widened to half hours, last active first. What they
--   did is that of the whole UTC days of these events, in their services and tiers. Search by the
--   beginning of the hash.
-- about.ko: 30분 단위로 넓힌 기간에 제품 이벤트가 있는 사용자이며, 마지막에 활동한 것부터 표시합니다.
--   활동은 그 이벤트가 있던 날(UTC) 전체를 같은 서비스와 등급에서 셉니다. 해시의 앞부분으로
--   검색합니다.
-- cursor: last_active before_ns, user_id_hash before_user
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 전체
-- parameter: before_ns integer 0 only those last active before this, Unix ns; 0 for all
-- parameter.ko: before_ns 마지막 활동이 이 시각(Unix ns) 이전인 사용자만. 0이면 전체
-- parameter: before_user text '' and of those last active at that very time, only hashes after this
-- parameter.ko: before_user 마지막 활동이 그 시각인 사용자는 이보다 뒤의 해시만
-- column: user_id_hash text the user, hashed
-- column.ko: user_id_hash 사용자(해시)
-- column: user_tier text the tier they had last on those days
-- column.ko: user_tier 그 날들의 마지막 등급
-- column: first_seen unix_ns when they were seen first of all, in any service or tier
-- column.ko: first_seen 어떤 서비스나 등급으로든 처음으로 기록된 때
-- column: last_active unix_ns the last product event on those days
-- column.ko: last_active 그 날들의 마지막 제품 이벤트
-- column: active_days count UTC days with an event in the range
-- column.ko: active_days 기간에 이벤트가 있는 날 수(UTC)
-- column: events count product events, weighted by sampling
-- column.ko: events 제품 이벤트 수(샘플링 보정)
-- column: errors count of these, failed or timed out
-- column.ko: errors 그중 실패하거나 시간 초과된 것
-- column: error_rate ratio errors / events
-- column.ko: error_rate 오류 / 이벤트
WITH
-- with: chosen_segments
-- with: active_rows
people AS (
    SELECT
        user_key,
        max(last_time) AS last_active,
        count(DISTINCT day) AS active_days,
        sum(events) AS events,
        sum(errors) AS errors
    FROM active_rows
    WHERE :user = '' OR user_key IN (
        SELECT user_key FROM users WHERE substr(user_id_hash, 1, length(:user)) = :user
    )
    GROUP BY user_key
),
last_tiers AS (
    SELECT
        a.user_key, g.user_tier,
        row_number() OVER (PARTITION BY a.user_key ORDER BY a.last_time DESC, g.user_tier) AS place
    FROM active_rows a JOIN chosen_segments g ON g.segment_key = a.segment_key
)
SELECT
    u.user_id_hash AS user_id_hash,
    t.user_tier AS user_tier,
    u.first_seen AS first_seen,
    p.last_active AS last_active,
    p.active_days AS active_days,
    p.events AS events,
    p.errors AS errors,
    p.errors * 1.0 / nullif(p.events, 0) AS error_rate
FROM people p
JOIN users u ON u.user_key = p.user_key
JOIN last_tiers t ON t.user_key = p.user_key AND t.place = 1
WHERE :before_ns = 0 OR p.last_active < :before_ns
   OR (p.last_active = :before_ns AND u.user_id_hash > :before_user)
ORDER BY p.last_active DESC, u.user_id_hash
