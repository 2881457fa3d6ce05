-- title: Users at risk
-- about: Users who were regular and are now silent for longer than they ever were. Looked at are the
--   reference days that end with the last day on which a user was active, if that day is in the range.
--   Regular: active in at least half of the whole weeks of these, counted back from that day. Silent
--   for longer: more days since then, at the end of the range, than between any two days with
--   activity in the reference days. The days are those of the time zone.
-- since: 56d
-- limit: 1000
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: reference_days integer:7..366 56 how many days before falling silent are looked at
-- column: user_id_hash text the user, hashed
-- column: user_tier free|trial|paid|enterprise the tier of their last active day
-- column: last_active epoch_day the last day on which they were active
-- column: silent_days count days since then
-- column: longest_gap_days count most days from one active day to the next, in the reference days
-- column: active_days count active days among the reference days
-- column: active_weeks count weeks of the reference days with an active day
WITH RECURSIVE
-- with: local_days
wanted_days AS (
    SELECT
        CASE WHEN from_day - :reference_days > first_day
             THEN from_day - :reference_days ELSE first_day END AS from_day,
        to_day
    FROM local_days
),
-- with: zone_days
spans AS (
    SELECT day, from_time, CASE WHEN to_time > :to_ns THEN :to_ns ELSE to_time END AS to_time
    FROM zone_days
),
-- with: present
user_days AS MATERIALIZED (
    SELECT user_key, day, max(segment_key) AS segment_key FROM present GROUP BY user_key, day
),
last_days AS (
    SELECT u.user_key, u.last_day, l.to_day - 1 - u.last_day AS silent_days
    FROM local_days l
    CROSS JOIN (SELECT user_key, max(day) AS last_day FROM user_days GROUP BY user_key) u
    WHERE u.last_day >= l.from_day
),
gaps AS (
    SELECT
        d.user_key, n.last_day, n.silent_days, d.day, d.segment_key,
        d.day - lag(d.day) OVER (PARTITION BY d.user_key ORDER BY d.day) AS gap,
        (n.last_day - d.day) / 7 AS weeks_back
    FROM last_days n JOIN user_days d ON d.user_key = n.user_key
    WHERE n.silent_days > 1 AND d.day > n.last_day - :reference_days
),
habits AS (
    SELECT
        user_key, last_day, silent_days,
        max(gap) AS longest_gap,
        count(*) AS active_days,
        count(DISTINCT CASE WHEN weeks_back < :reference_days / 7 THEN weeks_back END) AS active_weeks,
        max(CASE WHEN day = last_day THEN segment_key END) AS segment_key
    FROM gaps
    GROUP BY user_key, last_day, silent_days
)
SELECT
    u.user_id_hash AS user_id_hash,
    g.user_tier AS user_tier,
    h.last_day AS last_active,
    h.silent_days AS silent_days,
    h.longest_gap AS longest_gap_days,
    h.active_days AS active_days,
    h.active_weeks AS active_weeks
FROM habits h
JOIN users u ON u.user_key = h.user_key
JOIN segments g ON g.segment_key = h.segment_key
WHERE h.active_weeks * 2 >= :reference_days / 7 AND h.silent_days > h.longest_gap
ORDER BY h.active_days DESC, h.silent_days DESC, u.user_id_hash
