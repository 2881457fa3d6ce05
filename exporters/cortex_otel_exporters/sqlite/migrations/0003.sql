-- What counts as an error, and what as a product event, stated once for every question.

-- Stored, not virtual: hour by hour questions read them once a row of a roll-up, and comparing texts
-- there made those a sixth slower. SQLite adds stored columns to a new table only, so both tables are
-- copied; they are small. Keys stay: a process of the version before that still runs has them
-- cached, and goes on inserting, since it names the columns that it writes.
DROP VIEW telemetry_events;

CREATE TABLE new_series (
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
    is_failed   INTEGER NOT NULL GENERATED ALWAYS AS (result IN ('error', 'timeout')) STORED,
    -- Spans and logs of other instrumentations are kept, and stay out of every product count.
    is_product  INTEGER NOT NULL GENERATED ALWAYS AS (event_type NOT IN ('span', 'log')) STORED,
    UNIQUE (
        service, event_type, name, tool_name, feature, user_tier, result, level, kind, error_type
    )
);
INSERT INTO new_series (
    series_key, service, event_type, name, tool_name, feature, user_tier, result, level, kind,
    error_type, feature_key, segment_key
) SELECT * FROM series;
DROP TABLE series;
ALTER TABLE new_series RENAME TO series;

CREATE TABLE new_features (
    feature_key INTEGER PRIMARY KEY,
    service     TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    feature     TEXT NOT NULL,
    is_product  INTEGER NOT NULL GENERATED ALWAYS AS (event_type NOT IN ('span', 'log')) STORED,
    UNIQUE (service, event_type, feature)
);
INSERT INTO new_features (feature_key, service, event_type, feature) SELECT * FROM features;
DROP TABLE features;
ALTER TABLE new_features RENAME TO features;

-- `telemetry_events` of 0001.sql, and `is_failed`.
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
    coalesce(e.weight, 1.0)                      AS weight,
    s.is_failed                                  AS is_failed
FROM events e
JOIN series s USING (series_key)
JOIN contexts c USING (context_key)
JOIN sessions n USING (session_key)
LEFT JOIN users u ON u.user_key = e.user_key;
