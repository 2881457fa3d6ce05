-- What users did in the sessions of the range, step by step; equal neighbours are one step. A session
-- ends where its id does, and after half an hour without an event. Installs and evaluations of flags
-- aren't steps.
-- with: chosen_segments
session_events AS (
    SELECT
        e.user_key, e.session_key, e.time, e.event_key,
        CASE WHEN s.feature = '' THEN s.event_type
             ELSE s.event_type || ':' || s.feature END AS name,
        s.event_type,
        CASE WHEN e.weight IS NULL THEN 0 ELSE 1 END AS is_sampled,
        CASE WHEN e.time - lag(e.time) OVER (
            PARTITION BY e.user_key, e.session_key ORDER BY e.time, e.event_key
        ) <= 1800000000000 THEN 0 ELSE 1 END AS is_new
    FROM events e JOIN series s ON s.series_key = e.series_key
    WHERE e.time >= :from_ns AND e.time < :to_ns AND e.user_key IS NOT NULL
      AND s.is_active + s.in_error_rate > 0
      AND s.segment_key IN (SELECT segment_key FROM chosen_segments)
),
session_parts AS (
    SELECT
        *,
        sum(is_new) OVER (
            PARTITION BY user_key, session_key ORDER BY time, event_key
        ) AS part,
        max(is_sampled) OVER () AS sampled
    FROM session_events
),
session_steps AS MATERIALIZED (
    SELECT
        user_key, session_key, part, name, event_type, sampled,
        row_number() OVER (
            PARTITION BY user_key, session_key, part ORDER BY time, event_key
        ) AS place,
        count(*) OVER (PARTITION BY user_key, session_key, part) AS length
    FROM (
        SELECT
            *,
            lag(name) OVER (
                PARTITION BY user_key, session_key, part ORDER BY time, event_key
            ) AS name_before
        FROM session_parts
    ) AS neighbours
    WHERE name_before IS NULL OR name_before <> name
)
