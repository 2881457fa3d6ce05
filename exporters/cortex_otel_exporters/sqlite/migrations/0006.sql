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
    error        TEXT,              -- of the last attempt, without secrets
    UNIQUE (alert_key, state, channel)
);
CREATE INDEX alert_messages_open ON alert_messages (channel)
    WHERE delivered IS NULL AND given_up IS NULL;
