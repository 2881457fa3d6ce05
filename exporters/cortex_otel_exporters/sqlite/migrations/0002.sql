-- What a received record was before redaction, as a keyed hash: tells what is sent again from what
-- only looks alike. What was recorded in process, or received before this version, has none.

-- A table of its own and no column of `events`: a process of the version before that still runs
-- writes all columns of that table, and could write no more; and rows in process stay as small.
CREATE TABLE received_events (
    event_key INTEGER PRIMARY KEY REFERENCES events,
    identity  INTEGER NOT NULL        -- 64 bits, two's complement
);
ALTER TABLE telemetry_metrics ADD COLUMN identity INTEGER;
-- Events are found by their time. Of metric points none but received ones are in this index.
CREATE INDEX telemetry_metrics_received ON telemetry_metrics (timestamp, identity)
    WHERE identity IS NOT NULL;
