-- Events and their dimensions, roll-ups, ledger, metrics, and the views that people query.

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

-- Names of the values in events.event_values: few combinations, so they are kept once each.
CREATE TABLE shapes (
    shape_key INTEGER PRIMARY KEY,
    keys      TEXT NOT NULL UNIQUE    -- JSON array of attribute keys
);

CREATE TABLE users (
    user_key     INTEGER PRIMARY KEY,
    user_id_hash TEXT NOT NULL UNIQUE,
    first_seen   INTEGER NOT NULL
);

-- What sessions run on: few combinations, kept once each.
CREATE TABLE platforms (
    platform_key      INTEGER PRIMARY KEY,
    os                TEXT NOT NULL,
    ide               TEXT NOT NULL,
    extension_version TEXT NOT NULL,
    server_name       TEXT NOT NULL,
    server_version    TEXT NOT NULL,
    runtime           TEXT NOT NULL,
    UNIQUE (os, ide, extension_version, server_name, server_version, runtime)
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
    platform_key      INTEGER NOT NULL REFERENCES platforms,
    instance_id       TEXT,             -- NULL: the same as session_id
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
    shape_key   INTEGER REFERENCES shapes,
    event_values TEXT                 -- JSON array, by the keys of the shape; NULL is []
);
CREATE INDEX events_by_time ON events (time);

-- NUMERIC, not REAL: sums of weights are whole numbers where nothing is sampled, and then take a
-- byte or two in place of eight (in a WITHOUT ROWID table a REAL always takes eight). So a ratio
-- of two of them must be made a REAL.
CREATE TABLE duration_buckets (
    bucket    INTEGER PRIMARY KEY,
    middle_ms REAL NOT NULL,
    upper_ms  REAL NOT NULL
);

-- hour × series: what every count, rate and mean reads. The day and week tables, here and below,
-- are the hour tables added up, so that a month costs 30 rows a key and not 720. Weeks are whole
-- seven days since 1970, so they begin on Thursdays; nobody sees them.
CREATE TABLE rollup_hour (
    hour           INTEGER NOT NULL,
    series_key     INTEGER NOT NULL,
    stored         INTEGER NOT NULL,  -- rows
    events         NUMERIC NOT NULL,  -- rows × weight
    timed          NUMERIC NOT NULL,  -- those with a duration, × weight
    duration_us    NUMERIC NOT NULL,  -- their sum, × weight, in whole microseconds
    PRIMARY KEY (hour, series_key)
) WITHOUT ROWID;
CREATE TABLE rollup_day (
    day            INTEGER NOT NULL,
    series_key     INTEGER NOT NULL,
    stored         INTEGER NOT NULL,
    events         NUMERIC NOT NULL,
    timed          NUMERIC NOT NULL,
    duration_us    NUMERIC NOT NULL,
    PRIMARY KEY (day, series_key)
) WITHOUT ROWID;

-- exponential histograms: any percentile over any range merges by addition
CREATE TABLE rollup_hour_duration (
    hour        INTEGER NOT NULL,
    feature_key INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    events      NUMERIC NOT NULL,
    PRIMARY KEY (hour, feature_key, segment_key, bucket)
) WITHOUT ROWID;
CREATE TABLE rollup_day_duration (
    day         INTEGER NOT NULL,
    feature_key INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    events      NUMERIC NOT NULL,
    PRIMARY KEY (day, feature_key, segment_key, bucket)
) WITHOUT ROWID;
CREATE TABLE rollup_week_duration (
    week        INTEGER NOT NULL,
    feature_key INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    events      NUMERIC NOT NULL,
    PRIMARY KEY (week, feature_key, segment_key, bucket)
) WITHOUT ROWID;

-- day × user × segment. Bit n of half_hours: active in the n-th half hour of the UTC day, so
-- that "active on a calendar day" is exact in every time zone of whole half hours.
CREATE TABLE rollup_user_day (
    day         INTEGER NOT NULL,
    user_key    INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    events      NUMERIC NOT NULL,
    errors      NUMERIC NOT NULL,
    first_time  INTEGER NOT NULL,
    last_time   INTEGER NOT NULL,
    half_hours  INTEGER NOT NULL,
    PRIMARY KEY (day, user_key, segment_key)
) WITHOUT ROWID;
-- feature × user, in blocks of 32 days since 1970. Bit n of days: used on the n-th day of the
-- block. A row a month in place of one a day, and nothing is lost but counts by day.
CREATE TABLE rollup_user_feature_days (
    feature_key INTEGER NOT NULL,
    user_key    INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    block       INTEGER NOT NULL,
    events      NUMERIC NOT NULL,
    days        INTEGER NOT NULL,
    PRIMARY KEY (feature_key, user_key, segment_key, block)
) WITHOUT ROWID;
-- The first and last of those days: enough for any range that has one of them in it.
CREATE TABLE rollup_user_feature (
    feature_key INTEGER NOT NULL,
    user_key    INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    first_day   INTEGER NOT NULL,
    last_day    INTEGER NOT NULL,
    PRIMARY KEY (feature_key, user_key, segment_key)
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
    events      NUMERIC NOT NULL,
    total       NUMERIC NOT NULL,
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
    CASE WHEN e.event_values IS NULL THEN c.attributes
         ELSE json_patch(c.attributes, (
             SELECT json_group_object(k.value, e.event_values -> k.key)
             FROM shapes h, json_each(h.keys) k WHERE h.shape_key = e.shape_key
         )) END                                  AS event_data,
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
    nullif(p.os, '')                      AS os,
    nullif(p.ide, '')                     AS ide,
    nullif(p.extension_version, '')       AS extension_version,
    nullif(p.server_name, '')             AS mcp_server_name,
    nullif(p.server_version, '')          AS mcp_server_version,
    nullif(p.runtime, '')                 AS runtime,
    nullif(coalesce(n.instance_id, n.session_id), '') AS service_instance_id
FROM sessions n
JOIN segments g USING (segment_key)
JOIN platforms p USING (platform_key)
LEFT JOIN users u ON u.user_key = n.user_key;
