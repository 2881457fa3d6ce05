-- Days of a time zone, and durations that fall into a bucket, for SQL that has no function for either.

-- When the clocks of a zone change: for Grafana, which has no parameter to hand them over in.
-- `cortex-otel serve` and `cortex-otel grafana` write those of the project's zone and of UTC.
CREATE TABLE zone_offsets (
    time_zone TEXT NOT NULL,           -- as IANA names it
    since     INTEGER NOT NULL,        -- Unix ns, inclusive
    until     INTEGER NOT NULL,        -- Unix ns, exclusive
    offset_ns INTEGER NOT NULL,        -- local time less UTC
    PRIMARY KEY (time_zone, since)
) WITHOUT ROWID;
INSERT INTO zone_offsets VALUES ('UTC', -9223372036854775807, 9223372036854775807, 0);

-- The shortest duration of each bucket: an event's bucket is a look-up, exactly as the writer's.
DROP TABLE duration_buckets;
CREATE TABLE duration_buckets (
    bucket    INTEGER PRIMARY KEY,
    lower_ns  INTEGER NOT NULL UNIQUE,
    middle_ms REAL NOT NULL,
    upper_ms  REAL NOT NULL
);
