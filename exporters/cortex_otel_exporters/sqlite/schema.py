"""The schema, as numbered migrations; each runs in one transaction.

A star: ``events`` holds integers and surrogate keys into the dimension tables ``series``,
``contexts``, ``sessions`` and ``users``; the roll-ups are keyed by the coarser ``features`` and
``segments``. People and dashboards read the views ``telemetry_events`` and
``telemetry_user_sessions`` and the table ``telemetry_metrics``, whose names and columns are the
contract. Measured: 20 times cheaper to write than one wide table with single-column indexes, and
a seventh of its size (docs/decisions.md).

Every time is INTEGER Unix nanoseconds: Grafana's SQLite plugin turns DATETIME text into NULL, and
integers compare and index well. ``hour`` and ``day`` are whole hours and days since 1970 in UTC.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw

__all__ = [
    "APPLICATION_ID",
    "BUCKETS_AN_OCTAVE",
    "LAST_BUCKET",
    "SCHEMA_VERSION",
    "NotOursError",
    "SchemaNewerError",
    "migrate",
    "version_of",
]

#: ``PRAGMA application_id``, so that ``file`` and we can tell our databases: "CTX1".
APPLICATION_ID = 0x43545831

#: Resolution of the duration histogram. Bucket b holds durations of 2^(b/8) up to 2^((b+1)/8) µs;
#: its geometric middle is at most 4.5 % from anything in it.
BUCKETS_AN_OCTAVE = 8
#: 2^(320/8) µs is about 12.7 days; longer durations count there.
LAST_BUCKET = 320


class NotOursError(Exception):
    """The file is a database of something else; it is left alone."""

    def __init__(self) -> None:
        super().__init__(
            "the file is a SQLite database that cortex-otel did not make: "
            "set CORTEX_OTEL_HOME to a directory of its own"
        )


class SchemaNewerError(Exception):
    """The file was written by a newer cortex-otel; this one leaves it alone."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"the database has schema {found}, this cortex-otel knows {SCHEMA_VERSION}: "
            "upgrade cortex-otel (pip install -U cortex-otel) "
            "or set CORTEX_OTEL_HOME to another directory"
        )
        self.found = found


_EVENTS = """
CREATE TABLE store (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO store VALUES ('next_event_key', 1);

CREATE TABLE segments (
    segment_key INTEGER PRIMARY KEY,
    service     TEXT NOT NULL,
    user_tier   TEXT NOT NULL,
    UNIQUE (service, user_tier)
);

CREATE TABLE features (
    feature_key INTEGER PRIMARY KEY,
    service     TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    feature     TEXT NOT NULL,
    UNIQUE (service, event_type, feature)
);

CREATE TABLE series (
    series_key  INTEGER PRIMARY KEY,
    service     TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    name        TEXT NOT NULL,
    tool_name   TEXT NOT NULL,
    feature     TEXT NOT NULL,
    user_tier   TEXT NOT NULL,
    result      TEXT NOT NULL,
    level       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    error_type  TEXT NOT NULL,
    feature_key INTEGER NOT NULL REFERENCES features,
    segment_key INTEGER NOT NULL REFERENCES segments,
    UNIQUE (
        service, event_type, name, tool_name, feature, user_tier, result, level, kind, error_type
    )
);

CREATE TABLE contexts (
    context_key INTEGER PRIMARY KEY,
    scope       TEXT NOT NULL,
    resource    TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    branch_id   TEXT NOT NULL,
    attributes  TEXT NOT NULL,
    UNIQUE (scope, resource, project_id, branch_id, attributes)
);

CREATE TABLE users (
    user_key     INTEGER PRIMARY KEY,
    user_id_hash TEXT NOT NULL UNIQUE,
    first_seen   INTEGER NOT NULL
);

CREATE TABLE sessions (
    session_key       INTEGER PRIMARY KEY,
    session_id        TEXT NOT NULL,
    user_key          INTEGER,
    segment_key       INTEGER NOT NULL REFERENCES segments,
    start_time        INTEGER NOT NULL,
    end_time          INTEGER NOT NULL,
    events            INTEGER NOT NULL,
    errors            INTEGER NOT NULL,
    os                TEXT NOT NULL,
    ide               TEXT NOT NULL,
    extension_version TEXT NOT NULL,
    server_name       TEXT NOT NULL,
    server_version    TEXT NOT NULL,
    runtime           TEXT NOT NULL,
    instance_id       TEXT NOT NULL,
    UNIQUE (session_id)
);
CREATE INDEX sessions_by_end ON sessions (end_time);

CREATE TABLE events (
    event_key   INTEGER PRIMARY KEY,  -- in the order of commits, over all processes: a watermark
    time        INTEGER NOT NULL,     -- Unix ns
    duration    INTEGER,              -- ns; NULL for an instant
    series_key  INTEGER NOT NULL REFERENCES series,
    context_key INTEGER NOT NULL REFERENCES contexts,
    session_key INTEGER NOT NULL REFERENCES sessions,
    user_key    INTEGER REFERENCES users,
    trace_id    BLOB,                 -- 16 bytes
    span_id     INTEGER,              -- 64 bits, two's complement
    parent_span_id INTEGER,
    weight      REAL,                 -- NULL is 1
    error_message TEXT,
    event_data  TEXT                  -- JSON object; NULL is {}
);
CREATE INDEX events_by_time ON events (time);
"""

_ROLLUPS = """
CREATE TABLE duration_buckets (
    bucket    INTEGER PRIMARY KEY,
    middle_ms REAL NOT NULL,
    upper_ms  REAL NOT NULL
);

-- hour × series: what every count, rate and mean reads. The day tables, here and below, are the
-- hour tables added up, so that a month costs 30 rows a key and not 720.
CREATE TABLE rollup_hour (
    hour           INTEGER NOT NULL,
    series_key     INTEGER NOT NULL,
    stored         INTEGER NOT NULL,  -- rows
    events         REAL NOT NULL,     -- rows × weight
    timed          REAL NOT NULL,     -- those with a duration, × weight
    duration_ms    REAL NOT NULL,     -- their sum, × weight
    PRIMARY KEY (hour, series_key)
) WITHOUT ROWID;
CREATE TABLE rollup_day (
    day            INTEGER NOT NULL,
    series_key     INTEGER NOT NULL,
    stored         INTEGER NOT NULL,
    events         REAL NOT NULL,
    timed          REAL NOT NULL,
    duration_ms    REAL NOT NULL,
    PRIMARY KEY (day, series_key)
) WITHOUT ROWID;

-- exponential histograms: any percentile over any range merges by addition
CREATE TABLE rollup_hour_duration (
    hour        INTEGER NOT NULL,
    feature_key INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    events      REAL NOT NULL,
    PRIMARY KEY (hour, feature_key, segment_key, bucket)
) WITHOUT ROWID;
CREATE TABLE rollup_day_duration (
    day         INTEGER NOT NULL,
    feature_key INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    events      REAL NOT NULL,
    PRIMARY KEY (day, feature_key, segment_key, bucket)
) WITHOUT ROWID;

-- day × user × segment. Bit n of half_hours: active in the n-th half hour of the UTC day, so
-- that "active on a calendar day" is exact in every time zone of whole half hours.
CREATE TABLE rollup_user_day (
    day         INTEGER NOT NULL,
    user_key    INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    events      REAL NOT NULL,
    errors      REAL NOT NULL,
    first_time  INTEGER NOT NULL,
    last_time   INTEGER NOT NULL,
    half_hours  INTEGER NOT NULL,
    PRIMARY KEY (day, user_key, segment_key)
) WITHOUT ROWID;
CREATE TABLE rollup_user_feature_day (
    day         INTEGER NOT NULL,
    user_key    INTEGER NOT NULL,
    feature_key INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    events      REAL NOT NULL,
    PRIMARY KEY (day, user_key, feature_key, segment_key)
) WITHOUT ROWID;

-- user × tier: minimum and maximum commute, so events may arrive in any order
CREATE TABLE user_tiers (
    user_key   INTEGER NOT NULL,
    user_tier  TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    PRIMARY KEY (user_key, user_tier)
) WITHOUT ROWID;

-- hour × feature × segment × measure: tokens before and after, suggested and accepted …
CREATE TABLE rollup_measure (
    hour        INTEGER NOT NULL,
    feature_key INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    measure     TEXT NOT NULL,
    events      REAL NOT NULL,
    total       REAL NOT NULL,
    PRIMARY KEY (hour, feature_key, segment_key, measure)
) WITHOUT ROWID;

-- received = stored + sampled_out + dropped, for every day and signal, always
CREATE TABLE ledger (
    day     INTEGER NOT NULL,
    signal  TEXT NOT NULL,            -- event or metric
    outcome TEXT NOT NULL,            -- received, stored, sampled_out, dropped
    reason  TEXT NOT NULL,            -- '' or why it was dropped
    records INTEGER NOT NULL,
    PRIMARY KEY (day, signal, outcome, reason)
) WITHOUT ROWID;

CREATE TABLE telemetry_metrics (
    id              INTEGER PRIMARY KEY,
    timestamp       INTEGER NOT NULL, -- Unix ns, end of the interval
    start_timestamp INTEGER NOT NULL,
    metric_name     TEXT NOT NULL,
    unit            TEXT NOT NULL,
    kind            TEXT NOT NULL,    -- sum, gauge, histogram
    service         TEXT NOT NULL,
    user_tier       TEXT NOT NULL,
    value           REAL NOT NULL,    -- sum or gauge; the mean of a histogram
    count           INTEGER,
    sum             REAL,
    min             REAL,
    max             REAL,
    buckets         TEXT,             -- JSON {"bounds": […], "counts": […]}
    attributes      TEXT NOT NULL     -- JSON object
);
CREATE INDEX telemetry_metrics_by_name ON telemetry_metrics (metric_name, timestamp);
"""

_VIEWS = """
CREATE VIEW telemetry_events AS
SELECT
    e.event_key                                  AS id,
    e.time                                       AS timestamp,
    s.service                                    AS service,
    s.event_type                                 AS event_type,
    s.user_tier                                  AS user_tier,
    u.user_id_hash                               AS user_id_hash,
    n.session_id                                 AS session_id,
    s.result                                     AS result,
    e.duration / 1e6                             AS duration_ms,
    nullif(s.error_type, '')                     AS error_type,
    e.error_message                              AS error_message,
    nullif(c.project_id, '')                     AS project_id,
    nullif(c.branch_id, '')                      AS branch_id,
    nullif(s.tool_name, '')                      AS tool_name,
    nullif(s.feature, '')                        AS feature,
    CASE WHEN e.event_data IS NULL THEN c.attributes
         ELSE json_patch(c.attributes, e.event_data) END AS event_data,
    s.level                                      AS level,
    lower(hex(e.trace_id))                       AS trace_id,
    CASE WHEN e.span_id IS NULL THEN NULL ELSE printf('%016x', e.span_id) END AS span_id,
    CASE WHEN e.parent_span_id IS NULL THEN NULL
         ELSE printf('%016x', e.parent_span_id) END AS parent_span_id,
    s.kind                                       AS kind,
    s.name                                       AS name,
    c.scope                                      AS scope,
    c.resource                                   AS resource,
    coalesce(e.weight, 1.0)                      AS weight
FROM events e
JOIN series s USING (series_key)
JOIN contexts c USING (context_key)
JOIN sessions n USING (session_key)
LEFT JOIN users u ON u.user_key = e.user_key;

CREATE VIEW telemetry_user_sessions AS
SELECT
    n.session_id                          AS session_id,
    u.user_id_hash                        AS user_id_hash,
    g.user_tier                           AS user_tier,
    g.service                             AS service,
    n.start_time                          AS start_time,
    n.end_time                            AS end_time,
    (n.end_time - n.start_time) / 1e6     AS duration_ms,
    n.events                              AS event_count,
    n.errors                              AS error_count,
    nullif(n.os, '')                      AS os,
    nullif(n.ide, '')                     AS ide,
    nullif(n.extension_version, '')       AS extension_version,
    nullif(n.server_name, '')             AS mcp_server_name,
    nullif(n.server_version, '')          AS mcp_server_version,
    nullif(n.runtime, '')                 AS runtime,
    nullif(n.instance_id, '')             AS service_instance_id
FROM sessions n
JOIN segments g USING (segment_key)
LEFT JOIN users u ON u.user_key = n.user_key;
"""

#: One script a version: script n brings a file of ``user_version`` n to n + 1.
_MIGRATIONS: tuple[str, ...] = (_EVENTS + _ROLLUPS + _VIEWS,)

SCHEMA_VERSION = len(_MIGRATIONS)


def migrate(connection: apsw.Connection) -> None:
    """Bring the open database to this version's schema.

    Safe with several processes at once: the version is read again under the write lock.

    Raises:
        NotOursError: the file is a database of something else; nothing was changed.
        SchemaNewerError: the file is from a newer cortex-otel; nothing was changed.
        apsw.Error: the file can't be read or written.
    """
    if version_of(connection) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in _MIGRATIONS[version_of(connection) :]:
            # APSW runs a script statement by statement as its rows are read: exhaust it.
            list(connection.execute(script))
        connection.executemany(
            "INSERT OR IGNORE INTO duration_buckets VALUES (?, ?, ?)", _duration_buckets()
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def version_of(connection: apsw.Connection) -> int:
    """Schema version of the open file; 0 if it is new.

    Raises:
        NotOursError: the file is a database of something else.
        SchemaNewerError: the file is from a newer cortex-otel.
    """
    found = int(connection.pragma("user_version"))
    is_new = not found and connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None
    if not is_new and connection.pragma("application_id") != APPLICATION_ID:
        raise NotOursError
    if found > SCHEMA_VERSION:
        raise SchemaNewerError(found)
    return found


def _duration_buckets() -> list[tuple[int, float, float]]:
    return [
        (
            bucket,
            math.exp2((bucket + 0.5) / BUCKETS_AN_OCTAVE) / 1000,
            math.exp2((bucket + 1) / BUCKETS_AN_OCTAVE) / 1000,
        )
        for bucket in range(LAST_BUCKET + 1)
    ]
