-- The half hours of the range in which the users were active whose hash begins with :user; the
-- events themselves are read in them alone, since no index leads from a user to them.
chosen_users AS (
    SELECT user_key, user_id_hash FROM users
    WHERE :user <> '' AND substr(user_id_hash, 1, length(:user)) = :user
),
user_bounds AS (
    SELECT
        CASE WHEN :from_ns / 86400000000000 > first_day
             THEN :from_ns / 86400000000000 ELSE first_day END AS from_day,
        CASE WHEN (:to_ns - 1) / 86400000000000 < last_day
             THEN (:to_ns - 1) / 86400000000000 ELSE last_day END AS last_day
    FROM (SELECT min(day) AS first_day, max(day) AS last_day FROM rollup_user_day) AS recorded
),
utc_days AS (
    SELECT from_day AS day FROM user_bounds WHERE from_day <= last_day
    UNION ALL
    SELECT d.day + 1 FROM utc_days d CROSS JOIN user_bounds b WHERE d.day < b.last_day
),
half_hours AS (
    SELECT 0 AS half UNION ALL SELECT half + 1 FROM half_hours WHERE half < 47
),
user_windows AS (
    SELECT DISTINCT u.user_key, (u.day * 48 + h.half) * 1800000000000 AS from_time
    FROM utc_days d
    CROSS JOIN chosen_users c
    JOIN rollup_user_day u ON u.day = d.day AND u.user_key = c.user_key
    JOIN half_hours h ON (u.half_hours >> h.half) % 2 <> 0
),
user_events AS (
    SELECT e.event_key, e.time, e.duration, e.series_key, e.user_key, coalesce(e.weight, 1.0) AS weight
    FROM user_windows w
    JOIN events e ON e.time >= w.from_time AND e.time < w.from_time + 1800000000000
    WHERE e.user_key = w.user_key AND e.time >= :from_ns AND e.time < :to_ns
)
