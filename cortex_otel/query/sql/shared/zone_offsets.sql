-- Offsets of :time_zone from UTC, each with the time it holds for, all in ns: the local day of a
-- moment t is (t + offset_ns) / 86400000000000, with the one row where since <= t and t < until.
-- The runner fills :zone_offsets in; it has all clock changes since 2020.
zone_offsets AS MATERIALIZED (
    SELECT value ->> 0 AS since, value ->> 1 AS until, value ->> 2 AS offset_ns
    FROM json_each(:zone_offsets)
)
