-- The newest :row_limit events of the series that wanted names; needs chosen_users and user_windows.
-- No index leads from a series to its events either. But the roll-ups know in which hours there are
-- any, and how many: the latest days, and of those the latest hours, that hold enough are read. Where
-- words are looked for, or a user is active nearly always, reading backwards until there are enough
-- is quicker.
asked AS (
    SELECT
        :from_ns AS from_ns,
        CASE WHEN :before_ns > 0 AND :before_ns < :to_ns THEN :before_ns + 1 ELSE :to_ns END AS to_ns
),
way AS (
    SELECT CASE WHEN :q <> '' OR (SELECT count(*) FROM user_windows) > 400
                THEN 1 ELSE 0 END AS is_backwards
),
days_needed AS (
    SELECT day
    FROM (
        SELECT day, sum(stored) OVER (ORDER BY day DESC) - stored AS later
        FROM (
            -- The last day may reach beyond the range: it isn't counted on.
            SELECT
                d.day,
                sum(CASE WHEN (d.day + 1) * 86400000000000 > a.to_ns THEN 0 ELSE d.stored END) AS stored
            FROM asked a
            JOIN rollup_day d
                ON d.day >= a.from_ns / 86400000000000 AND d.day <= (a.to_ns - 1) / 86400000000000
            WHERE :user = '' AND :q = '' AND d.series_key IN (SELECT series_key FROM wanted)
            GROUP BY d.day
        ) AS by_day
    ) AS running
    WHERE later < :row_limit
),
hours_needed AS (
    SELECT hour
    FROM (
        SELECT hour, sum(stored) OVER (ORDER BY hour DESC) - stored AS later
        FROM (
            SELECT
                h.hour,
                sum(CASE WHEN (h.hour + 1) * 3600000000000 > a.to_ns THEN 0 ELSE h.stored END) AS stored
            FROM asked a
            CROSS JOIN days_needed d
            JOIN rollup_hour h ON h.hour >= d.day * 24 AND h.hour < d.day * 24 + 24
            WHERE h.series_key IN (SELECT series_key FROM wanted)
              AND h.hour * 3600000000000 < a.to_ns
            GROUP BY h.hour
        ) AS by_hour
    ) AS running
    WHERE later < :row_limit
),
windows AS (
    SELECT hour * 3600000000000 AS from_time, (hour + 1) * 3600000000000 AS to_time
    FROM hours_needed
    UNION ALL
    SELECT from_time, to_time
    FROM user_windows
    WHERE from_time < (SELECT to_ns FROM asked) AND (SELECT is_backwards FROM way) = 0
),
found_events AS (
    -- CROSS JOIN and + 0: left to itself, SQLite reads all events first, or makes an index of them.
    SELECT e.event_key, e.time
    FROM asked a CROSS JOIN windows w CROSS JOIN events e
    WHERE e.time >= w.from_time AND e.time < w.to_time
      AND e.time >= a.from_ns AND e.time < a.to_ns
      AND e.series_key + 0 IN (SELECT series_key FROM wanted)
      AND (:user = '' OR e.user_key + 0 IN (SELECT user_key FROM chosen_users))
      AND (:before_ns = 0 OR e.time < :before_ns OR e.event_key < :before_id)
    UNION ALL
    SELECT event_key, time
    FROM (
        SELECT e.event_key, e.time
        FROM events e
        WHERE e.time >= (SELECT from_ns FROM asked)
          AND e.time < (SELECT CASE WHEN w.is_backwards = 1 THEN a.to_ns ELSE a.from_ns END
                        FROM asked a CROSS JOIN way w)
          AND e.series_key + 0 IN (SELECT series_key FROM wanted)
          AND (:user = '' OR e.user_key + 0 IN (SELECT user_key FROM chosen_users))
          AND (:q = '' OR replace(lower(e.error_message), lower(:q), '') <> lower(e.error_message))
          AND (:before_ns = 0 OR e.time < :before_ns OR e.event_key < :before_id)
        ORDER BY e.time DESC, e.event_key DESC
        LIMIT :row_limit
    ) AS backwards
),
newest_events AS (
    SELECT event_key, time FROM found_events ORDER BY time DESC, event_key DESC LIMIT :row_limit
)
