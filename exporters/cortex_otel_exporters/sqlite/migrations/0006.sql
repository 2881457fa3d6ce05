-- Jobs and alerts: state of what runs in `cortex-otel serve`, so that two of them never do a thing
-- twice, and a restart forgets nothing.

CREATE TABLE jobs (
    job          TEXT PRIMARY KEY,
    next_run     INTEGER NOT NULL,  -- Unix ns
    holder       TEXT,              -- who runs it now; NULL: nobody
    lease_until  INTEGER,           -- Unix ns, from when on another may
    last_start   INTEGER,           -- Unix ns
    last_end     INTEGER,           -- Unix ns
    last_success INTEGER,           -- Unix ns, the end of the last run that worked
    outcome      TEXT,              -- of the last run: done, failed, timed_out, interrupted
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
    value     REAL,                 -- the worst that was seen
    threshold REAL,
    detail    TEXT NOT NULL         -- JSON object: what leads, e.g. the tool and the error type
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
    next_attempt INTEGER NOT NULL,  -- Unix ns
    delivered    INTEGER,           -- Unix ns; NULL: not yet
    given_up     INTEGER,           -- Unix ns; NULL: not
    error        TEXT,              -- of the last attempt, without secrets
    UNIQUE (alert_key, state, channel)
);

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
