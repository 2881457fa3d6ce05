-- Jobs and alerts: state of what runs in `cortex-otel serve`, so that two of them never do a thing
-- twice, and a restart forgets nothing.

CREATE TABLE jobs (
    job          TEXT PRIMARY KEY,
    next_run     INTEGER,           -- Unix ns; NULL: it is switched off
    holder       TEXT,              -- who runs it now, as kind:pid:random; NULL: nobody
    lease_until  INTEGER,           -- Unix ns, from when on another may
    last_start   INTEGER,           -- Unix ns
    last_end     INTEGER,           -- Unix ns; NULL: it is running
    last_success INTEGER,           -- Unix ns, the end of the last run that worked
    outcome      TEXT,              -- of the last run that ended: done, failed, timed_out,
                                    -- interrupted
    detail       TEXT,              -- one English line: what came of it, or what went wrong
    failures     INTEGER NOT NULL DEFAULT 0  -- in a row
) WITHOUT ROWID;

CREATE TABLE alerts (
    alert_key INTEGER PRIMARY KEY,
    rule      TEXT NOT NULL,        -- error_rate, response_time, service_down, store, job, disk
    subject   TEXT NOT NULL,        -- the service, or the job; '' where there is only one
    state     TEXT NOT NULL,        -- pending, firing, resolved
    since     INTEGER NOT NULL,     -- Unix ns, when it became pending
    fired     INTEGER,              -- Unix ns
    resolved  INTEGER,              -- Unix ns
    value     REAL,                 -- that it fired with: a rate, milliseconds, failures, MB free
    worst     REAL,                 -- that was seen until it was resolved
    threshold REAL,                 -- of the same unit
    detail    TEXT NOT NULL         -- JSON object: its range, and what leads in it (tool, error type)
);
CREATE UNIQUE INDEX alerts_open ON alerts (rule, subject) WHERE state <> 'resolved';
CREATE INDEX alerts_by_time ON alerts (since);

-- What is to be told of alerts, once to each channel; kept until it is delivered or given up.
CREATE TABLE alert_messages (
    message_key  INTEGER PRIMARY KEY,
    alert_key    INTEGER NOT NULL REFERENCES alerts,
    state        TEXT NOT NULL,     -- that is told: firing, resolved
    channel      TEXT NOT NULL,     -- slack, webhook, command
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER NOT NULL,  -- Unix ns; while one is made, when another may make the next
    delivered    INTEGER,           -- Unix ns; NULL: not yet
    given_up     INTEGER,           -- Unix ns; NULL: not
    error        TEXT,              -- of the last attempt, without credentials
    UNIQUE (alert_key, state, channel)
);

-- How often rows of dimension tables were deleted (orphans.py): a writer that has read another
-- number forgets the keys that it knows.
INSERT INTO store VALUES ('keys_deleted', 0);
-- Named metrics: rows of telemetry_metrics whose kind is hourly, daily or weekly, which no client can
-- send. One value a period, metric, service and tier; '' is all services, or all tiers.
CREATE UNIQUE INDEX telemetry_metrics_named
    ON telemetry_metrics (kind, metric_name, timestamp, service, user_tier)
    WHERE kind IN ('hourly', 'daily', 'weekly');

-- How far they are written: every period from from_time to to_time.
CREATE TABLE metric_periods (
    kind      TEXT PRIMARY KEY,     -- hourly, daily, weekly
    time_zone TEXT NOT NULL,        -- whose days and weeks they are
    from_time INTEGER NOT NULL,     -- Unix ns, start of the first one
    to_time   INTEGER NOT NULL      -- Unix ns, end of the last one
) WITHOUT ROWID;

-- How many events each UTC day had when they were written: more by now, and they are corrected.
CREATE TABLE metric_days (
    day    INTEGER PRIMARY KEY,     -- days since 1970
    stored INTEGER NOT NULL
);
CREATE INDEX alert_messages_open ON alert_messages (channel)
    WHERE delivered IS NULL AND given_up IS NULL;
-- Imported files: pieces of some hundred lines each, known again by keyed hashes, so that a copy of
-- a file adds nothing, also when retention has deleted its events.

CREATE TABLE imported_pieces (
    first   BLOB NOT NULL,      -- hash of the first line
    lines   INTEGER NOT NULL,
    digest  BLOB NOT NULL,      -- hash of all lines
    records INTEGER NOT NULL,   -- spans, events and points in them
    refused TEXT NOT NULL,      -- JSON array: places of lines that weren't taken
    PRIMARY KEY (first, lines, digest)
) WITHOUT ROWID;
