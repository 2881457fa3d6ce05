-- title: Failures and what users do next
-- about: Whether users who met a failure, a time-out or a slow call in their first days convert and come
--   back less often than other users as active as they were in those days (compared within quarters by
--   their number of events; Mantel and Haenszel). Of those first seen in the range without paying,
--   who had not paid by the end of those days and whose window is over. Conversion: paid after those
--   days and within the window. Return: active in as many days right after them. Failures that don't
--   depend on what users do are compared well by this; it is still no proof of a cause. Nothing is
--   said with fewer users than asked for on either side, or fewer than 5 outcomes in all. The days are
--   those of UTC, from that of the first event on.
-- since: 180d
-- events: always
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: from_tier free|trial '' only who began in this tier: free or trial; empty for both
-- parameter: first_days integer:1..90 7 how many first days
-- parameter: window_days integer:1..3650 30 days from the first event to the first paid one, inclusive
-- parameter: slow_ms integer:1..86400000 1000 a call is slow if it takes at least so long
-- parameter: min_users integer:1..1000000000 30 users that there must be with and without
-- column: problem failure|timeout|slow failure (time-outs too), timeout or slow: in the first days at least once
-- column: outcome conversion|return conversion or return
-- column: verdict not_enough_data|no_difference|less_often|more_often less_often, more_often, no_difference or not_enough_data
-- column: users_with count users with the problem
-- column: users_without count users without it
-- column: rate_with ratio share of those with it who had the outcome
-- column: rate_without ratio the same of those without; not adjusted
-- column: risk_ratio factor how much likelier with it, among equally active ones; null if there are too
--   few
-- column: low factor lower end of its 95 % interval
-- column: high factor upper end of its 95 % interval
-- column: difference ratio the difference of the rates, among equally active ones
-- column: difference_low ratio lower end of its 95 % interval
-- column: difference_high ratio upper end of its 95 % interval
WITH
-- with: started_unpaid
newcomers AS MATERIALIZED (
    SELECT
        s.user_key, s.first_seen,
        s.first_seen / 86400000000000 AS first_day,
        CASE WHEN p.first_paid <= s.first_seen + :window_days * 86400000000000 THEN 1 ELSE 0 END
            AS is_converted
    FROM started s LEFT JOIN first_payments p ON p.user_key = s.user_key
    WHERE s.first_seen + :window_days * 86400000000000 <= :to_ns
      AND (s.first_seen / 86400000000000 + 2 * :first_days) * 86400000000000 <= :to_ns
      AND (p.first_paid IS NULL
           OR p.first_paid >= (s.first_seen / 86400000000000 + :first_days) * 86400000000000)
),
habits AS (
    SELECT
        n.user_key, n.first_day, n.is_converted,
        sum(CASE WHEN u.day < n.first_day + :first_days THEN u.events ELSE 0 END) AS events,
        max(CASE WHEN u.day < n.first_day + :first_days AND u.errors > 0 THEN 1 ELSE 0 END) AS has_failed,
        max(CASE WHEN u.day >= n.first_day + :first_days AND u.half_hours <> 0
                 THEN 1 ELSE 0 END) AS is_back
    -- CROSS JOIN: no index leads from a user to the days.
    FROM rollup_user_day u CROSS JOIN newcomers n
    WHERE u.day >= :from_ns / 86400000000000 AND u.day < :to_ns / 86400000000000
      AND n.user_key = u.user_key
      AND u.day >= n.first_day AND u.day < n.first_day + 2 * :first_days
    GROUP BY n.user_key, n.first_day, n.is_converted
),
-- Quarters; who has as many events as another is in the same.
quarters AS MATERIALIZED (
    SELECT
        user_key, first_day, is_converted, has_failed, is_back,
        (rank() OVER (ORDER BY events) - 1) * 4 / count(*) OVER () AS quarter
    FROM habits
),
product_series AS MATERIALIZED (
    SELECT series_key, CASE WHEN result = 'timeout' THEN 1 ELSE 0 END AS is_timeout
    FROM series WHERE is_product = 1
),
-- One pass over the events: + 0 keeps SQLite from going through the index of times.
trouble AS MATERIALIZED (
    SELECT
        q.user_key,
        max(s.is_timeout) AS has_timeout,
        max(CASE WHEN e.duration >= :slow_ms * 1000000 THEN 1 ELSE 0 END) AS has_slow
    FROM events e CROSS JOIN product_series s CROSS JOIN quarters q
    WHERE (e.duration >= :slow_ms * 1000000
           OR e.series_key IN (SELECT series_key FROM product_series WHERE is_timeout = 1))
      AND e.time + 0 >= :from_ns AND e.time + 0 < :to_ns
      AND s.series_key = e.series_key AND q.user_key = e.user_key
      AND e.time >= q.first_day * 86400000000000
      AND e.time < (q.first_day + :first_days) * 86400000000000
    GROUP BY q.user_key
),
cases AS (
    SELECT
        o.outcome, k.problem, q.quarter,
        CASE k.problem WHEN 'failure' THEN q.has_failed WHEN 'timeout' THEN coalesce(t.has_timeout, 0)
                       ELSE coalesce(t.has_slow, 0) END AS is_with,
        CASE o.outcome WHEN 'conversion' THEN q.is_converted ELSE q.is_back END AS is_hit
    FROM quarters q
    LEFT JOIN trouble t ON t.user_key = q.user_key
    CROSS JOIN (SELECT 'failure' AS problem UNION ALL SELECT 'timeout' UNION ALL SELECT 'slow') AS k
    CROSS JOIN (SELECT 'conversion' AS outcome UNION ALL SELECT 'return') AS o
),
strata AS (
    SELECT
        problem || ' ' || outcome AS key,
        sum(is_with * is_hit) AS hits, sum(is_with) AS users,
        sum((1 - is_with) * is_hit) AS other_hits, sum(1 - is_with) AS others
    FROM cases
    GROUP BY problem, outcome, quarter
),
-- with: mantel_haenszel
judged AS (
    SELECT
        *,
        CASE WHEN users < :min_users OR others < :min_users OR hits + other_hits < 5
                  OR difference_low IS NULL THEN 'not_enough_data'
             WHEN difference_high < 0 THEN 'less_often'
             WHEN difference_low > 0 THEN 'more_often'
             ELSE 'no_difference' END AS verdict
    FROM mantel_haenszel
)
SELECT
    k.problem AS problem,
    o.outcome AS outcome,
    coalesce(j.verdict, 'not_enough_data') AS verdict,
    coalesce(j.users, 0) AS users_with,
    coalesce(j.others, 0) AS users_without,
    j.hits * 1.0 / nullif(j.users, 0) AS rate_with,
    j.other_hits * 1.0 / nullif(j.others, 0) AS rate_without,
    CASE WHEN j.verdict <> 'not_enough_data' THEN j.ratio END AS risk_ratio,
    CASE WHEN j.verdict <> 'not_enough_data' THEN j.ratio_low END AS low,
    CASE WHEN j.verdict <> 'not_enough_data' THEN j.ratio_high END AS high,
    CASE WHEN j.verdict <> 'not_enough_data' THEN j.difference END AS difference,
    CASE WHEN j.verdict <> 'not_enough_data' THEN j.difference_low END AS difference_low,
    CASE WHEN j.verdict <> 'not_enough_data' THEN j.difference_high END AS difference_high
FROM (SELECT 1 AS place, 'failure' AS problem
      UNION ALL SELECT 2, 'timeout' UNION ALL SELECT 3, 'slow') AS k
CROSS JOIN (SELECT 'conversion' AS outcome UNION ALL SELECT 'return') AS o
LEFT JOIN judged j ON j.key = k.problem || ' ' || o.outcome
WHERE EXISTS (SELECT 1 FROM quarters)
ORDER BY o.outcome, k.place
