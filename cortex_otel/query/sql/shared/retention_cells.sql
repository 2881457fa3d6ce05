-- Cells of a retention table: of those who did :start in a period, how many did :return_event in the
-- k-th one after it; null where that isn't over. Of each group that user_groups (user_key, breakdown)
-- puts them into. Any activity on both sides is read from the roll-ups, which outlive the events; else
-- the events tell.
-- with: local_days
wanted_days AS (
    SELECT first_day AS from_day, next_day + 1 AS to_day FROM local_days
),
-- with: zone_days
spans AS (
    SELECT day, from_time, to_time FROM zone_days WHERE :start = '' AND :return_event = ''
),
-- with: chosen_segments
active_series AS MATERIALIZED (
    SELECT series_key, segment_key FROM series
    WHERE is_active = 1
),
-- with: span_halves
-- As present, whatever service and tier the user was in.
present_anywhere AS (
    SELECT h.day, u.user_key, u.segment_key
    FROM span_halves h CROSS JOIN rollup_user_day u
    WHERE u.day >= h.from_half / 48 AND u.day <= (h.to_half - 1) / 48 AND h.from_half < h.to_half
      AND CASE WHEN u.day = h.to_half / 48
               THEN u.half_hours % (CAST(1 AS bigint) << (h.to_half % 48)) ELSE u.half_hours END
          >> CASE WHEN u.day = h.from_half / 48 THEN h.from_half % 48 ELSE 0 END <> 0
    UNION ALL
    SELECT p.day, e.user_key, s.segment_key
    FROM cut_halves p
    CROSS JOIN events e
    CROSS JOIN active_series s
    WHERE p.from_time < p.to_time AND e.time >= p.from_time AND e.time < p.to_time
      AND s.series_key = e.series_key AND e.user_key IS NOT NULL
),
-- Weeks of the calendar begin on :week_start (1 is Monday; 1970-01-01 was a Thursday), months on
-- their first day: counted from March on, so that a leap day comes last.
calendar AS MATERIALIZED (
    SELECT
        day, number, begins,
        max(CASE WHEN day = from_day THEN number END) OVER () AS from_number,
        max(number) OVER () AS last_number,
        -- A period that begins as the range ends isn't shown: it is that of next_day, no more.
        max(CASE WHEN day < (SELECT to_day FROM local_days) THEN number END) OVER () AS shown_number
    FROM (
        SELECT
            day, from_day,
            CASE WHEN :period = 'day' THEN day
                 WHEN :period = 'week' THEN (day + 11 - :week_start) / 7 - 1
                 ELSE month END AS number,
            CASE WHEN :period = 'day' THEN day
                 WHEN :period = 'week' THEN day - (day + 11 - :week_start) % 7
                 ELSE day - (day_of_year - (153 * (month % 12) + 2) / 5) END AS begins
        FROM (
            SELECT
                day, from_day, day_of_year, year * 12 + (5 * day_of_year + 2) / 153 AS month
            FROM (
                SELECT
                    day, from_day, (day + 719468) / 146097 * 400 + year_of_era AS year,
                    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100)
                    AS day_of_year
                FROM (
                    SELECT
                        day, from_day, day_of_era,
                        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096)
                        / 365 AS year_of_era
                    FROM (
                        SELECT z.day, l.from_day, (z.day + 719468) % 146097 AS day_of_era
                        FROM zone_days z CROSS JOIN local_days l
                    ) AS days_of_eras
                ) AS years
            ) AS days_of_years
        ) AS months
    ) AS periods
),
marks AS (
    SELECT day, user_key, segment_key, 1 AS is_start, 1 AS is_return FROM present_anywhere
    UNION ALL
    SELECT (e.time + z.offset_ns) / 86400000000000, e.user_key, s.segment_key, s.is_start, s.is_return
    FROM zone_offsets z
    CROSS JOIN events e
    CROSS JOIN (
        SELECT
            series_key, segment_key,
            CASE WHEN is_product = 1 AND :start IN (event_type, event_type || ':' || feature)
                      OR is_active = 1 AND :start = '' THEN 1 ELSE 0 END AS is_start,
            CASE WHEN is_product = 1 AND :return_event IN (event_type, event_type || ':' || feature)
                      OR is_active = 1 AND :return_event = '' THEN 1 ELSE 0 END AS is_return
        FROM series
    ) AS s
    WHERE :start || :return_event <> '' AND e.time >= z.since AND e.time < z.until
      AND s.series_key = e.series_key AND e.user_key IS NOT NULL AND s.is_start + s.is_return > 0
),
once AS MATERIALIZED (
    SELECT
        m.user_key, c.number,
        min(c.begins) AS begins,
        max(c.from_number) AS from_number,
        max(c.last_number) AS last_number,
        max(c.shown_number) AS shown_number,
        max(m.is_start) AS is_start,
        max(m.is_return) AS is_return,
        max(m.is_start * CASE WHEN g.segment_key IS NULL THEN 0 ELSE 1 END) AS is_chosen
    FROM marks m
    JOIN calendar c ON c.day = m.day
    LEFT JOIN chosen_segments g ON g.segment_key = m.segment_key
    WHERE c.number <= c.shown_number
    GROUP BY m.user_key, c.number
),
members AS MATERIALIZED (
    SELECT *
    FROM (
        SELECT
            *,
            min(CASE WHEN is_start = 1 THEN number END) OVER (PARTITION BY user_key) AS first_number
        FROM once
    ) AS started
    WHERE is_chosen = 1 AND number >= from_number
      AND (:cohort_kind = 'recurring' OR number = first_number)
),
-- Of each member of a cohort, the periods from that one on; the first of them is there always.
pairs AS (
    SELECT
        g.breakdown, m.number AS cohort, m.begins, m.last_number, m.shown_number,
        m.user_key,
        o.number - m.number AS period,
        CASE WHEN o.is_return = 1 AND o.number < m.last_number THEN 1 ELSE 0 END AS came
    FROM members m
    JOIN user_groups g ON g.user_key = m.user_key
    JOIN once o ON o.user_key = m.user_key AND o.number >= m.number
),
tallied AS MATERIALIZED (
    SELECT
        breakdown, cohort, period,
        min(begins) AS begins,
        max(last_number) AS last_number,
        max(shown_number) AS shown_number,
        sum(CASE WHEN period = 0 THEN 1 ELSE 0 END) AS members,
        sum(came) AS came,
        sum(CASE WHEN came = 1 AND period = last_period THEN 1 ELSE 0 END) AS came_last
    FROM (
        SELECT
            *,
            max(CASE WHEN came = 1 THEN period END) OVER (
                PARTITION BY breakdown, cohort, user_key
            ) AS last_period
        FROM pairs
    ) AS returns
    GROUP BY breakdown, cohort, period
),
-- The periods in which nobody came back, too: from each row to before the next one, and to the last.
grid AS (
    SELECT
        breakdown, cohort, begins, last_number, shown_number, period, came, came_last,
        first_value(members) OVER later AS members,
        coalesce(lead(period) OVER later, shown_number - cohort + 1) AS until
    FROM tallied
    WINDOW later AS (PARTITION BY breakdown, cohort ORDER BY period)
    UNION ALL
    SELECT breakdown, cohort, begins, last_number, shown_number, period + 1, 0, 0, members, until
    FROM grid
    WHERE period + 1 < until
),
cells AS (
    SELECT
        breakdown, begins AS cohort, period, members AS cohort_users,
        CASE WHEN cohort + period >= last_number THEN NULL
             WHEN :mode = 'on' THEN came
             -- On or after: the last return counts for its period and for all before it.
             ELSE sum(came_last) OVER (
                 PARTITION BY breakdown, cohort ORDER BY period DESC
             ) END AS active_users
    FROM grid
)
