-- Arms of experiments: users by flag and by the variant they were first exposed to, if that was in the
-- range, whatever they did afterwards (intention to treat). Who saw two variants of a flag by the end of
-- the range is in no arm.
-- with: chosen_segments
-- with: paying_tiers
flag_series AS (
    SELECT series_key, segment_key FROM series WHERE event_type = 'feature_flag.evaluation'
),
flag_shapes AS (
    SELECT
        h.shape_key,
        max(k.key) FILTER (WHERE k.value = $FEATURE_FLAG_KEY) AS flag_at,
        max(k.key) FILTER (WHERE k.value = $FEATURE_FLAG_RESULT_VARIANT) AS variant_at
    FROM shapes h CROSS JOIN json_each(h.keys) k
    GROUP BY h.shape_key
),
evaluations AS MATERIALIZED (
    SELECT user_key, flag, variant, series_key, min(time) AS time
    FROM (
        SELECT
            e.user_key, e.series_key, e.time,
            e.event_values ->> p.flag_at AS flag, e.event_values ->> p.variant_at AS variant
        -- One pass over the table, and none where no flag was ever evaluated: + 0 keeps SQLite from
        -- going through the index of times, which takes five times as long.
        FROM (SELECT 1 WHERE EXISTS (SELECT 1 FROM flag_series)) AS any_flag
        CROSS JOIN events e
        JOIN flag_shapes p ON p.shape_key = e.shape_key
        WHERE e.series_key IN (SELECT series_key FROM flag_series)
          AND e.time + 0 < :to_ns AND e.user_key IS NOT NULL
    ) AS read_values
    WHERE flag IS NOT NULL AND variant IS NOT NULL AND (:flag = '' OR flag = :flag)
    GROUP BY user_key, flag, variant, series_key
),
exposures AS MATERIALIZED (
    SELECT
        f.flag, f.variant, f.user_key, f.time,
        CASE WHEN f.least <> f.greatest THEN 1 ELSE 0 END AS is_in_two
    FROM (
        SELECT
            flag, variant, user_key, time, series_key,
            row_number() OVER (PARTITION BY flag, user_key ORDER BY time, variant) AS place,
            min(variant) OVER (PARTITION BY flag, user_key) AS least,
            max(variant) OVER (PARTITION BY flag, user_key) AS greatest
        FROM evaluations
    ) AS f
    JOIN flag_series s ON s.series_key = f.series_key
    WHERE f.place = 1 AND f.time >= :from_ns
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
first_payments AS (
    SELECT user_key, min(first_seen) AS first_paid
    FROM user_tiers WHERE user_tier IN (SELECT user_tier FROM paying_tiers)
    GROUP BY user_key
),
return_days AS (
    SELECT :return_from_days AS day UNION ALL SELECT day + 1 FROM return_days WHERE day < :return_to_days
),
-- Days between are whole; on the first and on the last one, their last and first events tell.
returned AS (
    SELECT DISTINCT x.flag, x.user_key
    FROM exposures x CROSS JOIN return_days d CROSS JOIN rollup_user_day u
    WHERE u.day = x.time / 86400000000000 + d.day AND u.user_key = x.user_key
      AND u.half_hours <> 0
      AND u.last_time >= x.time + :return_from_days * 86400000000000
      AND u.first_time < x.time + :return_to_days * 86400000000000
),
subjects AS (
    SELECT
        x.flag, x.variant,
        CASE WHEN p.first_paid <= x.time THEN 0
             WHEN x.time + :window_days * 86400000000000 <= :to_ns THEN 1 ELSE 0 END AS is_eligible,
        CASE WHEN p.first_paid <= x.time THEN 0
             WHEN x.time + :window_days * 86400000000000 > :to_ns THEN 1 ELSE 0 END AS is_pending,
        CASE WHEN p.first_paid > x.time
              AND p.first_paid <= x.time + :window_days * 86400000000000 THEN 1 ELSE 0 END AS is_converted,
        CASE WHEN x.time + :return_to_days * 86400000000000 <= :to_ns THEN 1 ELSE 0 END AS is_watched,
        CASE WHEN r.user_key IS NOT NULL THEN 1 ELSE 0 END AS is_retained
    FROM exposures x
    LEFT JOIN first_payments p ON p.user_key = x.user_key
    LEFT JOIN returned r ON r.flag = x.flag AND r.user_key = x.user_key
    WHERE x.is_in_two = 0
),
counted_arms AS MATERIALIZED (
    SELECT
        flag, variant,
        row_number() OVER (ORDER BY flag, variant) AS arm_key,
        -- The control is the variant of that name, else the first by name.
        row_number() OVER (
            PARTITION BY flag
            ORDER BY CASE WHEN variant = :control THEN 0
                          WHEN lower(variant) = 'control' THEN 1 ELSE 2 END, variant
        ) AS place,
        count(*) AS exposed_users,
        sum(is_eligible) AS eligible_users,
        sum(is_eligible * is_converted) AS conversions,
        sum(is_pending) AS pending_users,
        sum(is_watched) AS watched_users,
        sum(is_watched * is_retained) AS retained_users
    FROM subjects
    GROUP BY flag, variant
)
