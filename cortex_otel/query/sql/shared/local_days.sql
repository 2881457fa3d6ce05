-- The local days [from_day, to_day) that the range touches, from the first event ever on: nothing
-- before it is shown. first_day is the day of that event; next_day the one that :to_ns is in, the
-- first that isn't over.
-- with: zone_offsets
-- with: recorded
local_days AS MATERIALIZED (
    SELECT
        CASE WHEN b.from_day > r.first_day THEN b.from_day ELSE r.first_day END AS from_day,
        b.to_day, b.next_day, r.first_day
    FROM (
        SELECT
            (:from_ns + f.offset_ns) / 86400000000000 AS from_day,
            (:to_ns - 1 + t.offset_ns) / 86400000000000 + 1 AS to_day,
            (:to_ns + n.offset_ns) / 86400000000000 AS next_day
        FROM zone_offsets f CROSS JOIN zone_offsets t CROSS JOIN zone_offsets n
        WHERE f.since <= :from_ns AND :from_ns < f.until
          AND t.since <= :to_ns - 1 AND :to_ns - 1 < t.until
          AND n.since <= :to_ns AND :to_ns < n.until
    ) AS b
    CROSS JOIN (
        SELECT (c.first_time + z.offset_ns) / 86400000000000 AS first_day
        FROM recorded c JOIN zone_offsets z ON z.since <= c.first_time AND c.first_time < z.until
    ) AS r
)
