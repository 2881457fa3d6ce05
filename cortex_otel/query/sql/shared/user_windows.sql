-- The half hours of the range in which the chosen_users had any product event, be it use or not: no index leads from a user to
-- the events, so those are looked for in these alone. Cut to the range here, once a half hour and not
-- once an event.
user_bounds AS (
    SELECT
        CASE WHEN :from_ns / 86400000000000 > first_day
             THEN :from_ns / 86400000000000 ELSE first_day END AS from_day,
        CASE WHEN (:to_ns - 1) / 86400000000000 < last_day
             THEN (:to_ns - 1) / 86400000000000 ELSE last_day END AS last_day
    FROM (
        SELECT
            (SELECT min(day) FROM rollup_user_day) AS first_day,
            (SELECT max(day) FROM rollup_user_day) AS last_day
    ) AS recorded
),
utc_days AS (
    SELECT from_day AS day FROM user_bounds WHERE from_day <= last_day AND :user <> ''
    UNION ALL
    SELECT d.day + 1 FROM utc_days d CROSS JOIN user_bounds b WHERE d.day < b.last_day
),
half_hours AS (
    SELECT 0 AS half UNION ALL SELECT half + 1 FROM half_hours WHERE half < 47
),
active_halves AS (
    SELECT DISTINCT (u.day * 48 + h.half) * 1800000000000 AS from_time
    FROM utc_days d
    CROSS JOIN chosen_users c
    CROSS JOIN rollup_user_day u
    LEFT JOIN rollup_user_aside x
        ON x.day = u.day AND x.user_key = u.user_key AND x.segment_key = u.segment_key
    CROSS JOIN half_hours h
    WHERE u.day = d.day AND u.user_key = c.user_key
      AND ((u.half_hours | coalesce(x.half_hours, 0)) >> h.half) % 2 <> 0
      AND u.segment_key IN (
        SELECT segment_key FROM segments
        WHERE (:service = '' OR service = :service) AND (:user_tier = '' OR user_tier = :user_tier)
      )
),
user_windows AS (
    SELECT
        CASE WHEN from_time < :from_ns THEN :from_ns ELSE from_time END AS from_time,
        CASE WHEN from_time + 1800000000000 > :to_ns
             THEN :to_ns ELSE from_time + 1800000000000 END AS to_time
    FROM active_halves
    WHERE from_time + 1800000000000 > :from_ns AND from_time < :to_ns
)
