-- What can be a step or ends an attempt, in the order of each user: by time; at the same instant,
-- what can be an earlier step first. A step by tier is the first time a user had it or a higher one;
-- as the first step, if no higher one came before. Needs asked_steps.
funnel_ends AS MATERIALIZED (
    SELECT CASE
        WHEN :as_of_ns > 0 THEN :as_of_ns
        WHEN (SELECT max(time) FROM events) > :to_ns THEN (SELECT max(time) FROM events)
        ELSE :to_ns
    END AS as_of
),
tier_times AS (
    SELECT u.user_key, t.step, t.bit, min(u.first_seen) AS time, min(
        CASE WHEN u.user_tier = t.tier THEN u.first_seen END
    ) AS exact_time
    FROM asked_steps t
    JOIN known_tiers asked ON asked.user_tier = t.tier
    JOIN known_tiers r ON r.tier_rank >= asked.tier_rank
    JOIN user_tiers u ON u.user_tier = r.user_tier
    GROUP BY u.user_key, t.step, t.bit
),
funnel_rows AS MATERIALIZED (
    SELECT
        e.user_key, e.time, e.event_key, e.event_key AS source, e.series_key, e.weight,
        coalesce(b.bits, 0) AS bits,
        coalesce(b.first_step, 99) AS first_step,
        CASE WHEN x.series_key IS NULL THEN 0 ELSE 1 END AS is_excluded
    FROM funnel_ends f
    CROSS JOIN events e
    JOIN series s ON s.series_key = e.series_key AND s.is_product = 1
    LEFT JOIN step_series b ON b.series_key = e.series_key
    LEFT JOIN excluded_series x ON x.series_key = e.series_key
    WHERE e.user_key IS NOT NULL AND e.time >= :from_ns AND e.time <= f.as_of
      AND (:order = 'strict' OR b.bits IS NOT NULL OR x.series_key IS NOT NULL)
    UNION ALL
    SELECT
        t.user_key, t.time, 0, t.source,
        (SELECT e.series_key FROM events e WHERE e.event_key = t.source),
        NULL, t.bits, t.first_step, 0
    FROM (
        SELECT
            user_key, time, sum(bit) AS bits, min(step) AS first_step,
            -- What they did at that moment tells service, IDE and client.
            (SELECT min(e.event_key) FROM events e JOIN series s ON s.series_key = e.series_key
             WHERE e.time = tier_times.time AND e.user_key + 0 = tier_times.user_key
               AND s.is_product = 1) AS source
        FROM tier_times CROSS JOIN funnel_ends
        WHERE time >= :from_ns AND time <= as_of
          AND (step > 1 OR :order = 'any' OR exact_time = time)
        GROUP BY user_key, time
    ) AS t
),
funnel_places AS MATERIALIZED (
    SELECT
        r.*,
        row_number() OVER by_user AS place,
        -- An excluded event ends every attempt: what comes after it is a stretch of its own.
        sum(r.is_excluded) OVER by_user AS stretch,
        CASE WHEN r.time < :to_ns
                  AND (:service = '' OR s.service = :service)
                  AND (:user_tier = '' OR s.user_tier = :user_tier)
             THEN 1 ELSE 0 END AS can_open
    FROM funnel_rows r LEFT JOIN series s ON s.series_key = r.series_key
    WINDOW by_user AS (PARTITION BY r.user_key ORDER BY r.time, r.first_step, r.event_key)
)
