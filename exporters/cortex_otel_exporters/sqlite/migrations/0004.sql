-- What makes a user active, and what counts in error rates, is declared with each event type.

-- Those types for which one of the two isn't so; all others, a host's own too, have both. A writer
-- puts this right when it opens the file (declarations.py).
CREATE TABLE event_types (
    event_type    TEXT PRIMARY KEY,
    is_active     INTEGER NOT NULL,
    in_error_rate INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO event_types VALUES
    ('span', 0, 0), ('log', 0, 0),
    ('ext.install', 0, 0), ('ext.error', 0, 1), ('feature_flag.evaluation', 0, 0);

-- Set by triggers: a process of the version before that still runs names the columns that it writes,
-- and these aren't among them.
ALTER TABLE series ADD COLUMN is_active INTEGER NOT NULL DEFAULT 1;
ALTER TABLE series ADD COLUMN in_error_rate INTEGER NOT NULL DEFAULT 1;
ALTER TABLE features ADD COLUMN is_active INTEGER NOT NULL DEFAULT 1;
CREATE TRIGGER series_declared AFTER INSERT ON series
WHEN EXISTS (SELECT 1 FROM event_types t WHERE t.event_type = NEW.event_type)
BEGIN
    UPDATE series SET (is_active, in_error_rate) = (
        SELECT t.is_active, t.in_error_rate FROM event_types t WHERE t.event_type = NEW.event_type
    ) WHERE series_key = NEW.series_key;
END;
CREATE TRIGGER features_declared AFTER INSERT ON features
WHEN EXISTS (SELECT 1 FROM event_types t WHERE t.event_type = NEW.event_type)
BEGIN
    UPDATE features SET is_active = (
        SELECT t.is_active FROM event_types t WHERE t.event_type = NEW.event_type
    ) WHERE feature_key = NEW.feature_key;
END;
UPDATE series SET (is_active, in_error_rate) = (
    SELECT t.is_active, t.in_error_rate FROM event_types t WHERE t.event_type = series.event_type
) WHERE event_type IN (SELECT event_type FROM event_types);
UPDATE features SET is_active = 0
WHERE event_type IN (SELECT event_type FROM event_types WHERE is_active = 0);

-- From here on `half_hours` of rollup_user_day are those in which the user was active, and
-- `first_time` and `last_time` are of active events; where there is none (half_hours = 0), of all
-- product events. What it no longer tells of the others is here, for those users and days that have
-- any: in which half hours, and how many of `events` and `errors` count in no error rate.
CREATE TABLE rollup_user_aside (
    day            INTEGER NOT NULL,
    user_key       INTEGER NOT NULL,
    segment_key    INTEGER NOT NULL,
    half_hours     INTEGER NOT NULL,
    unrated        NUMERIC NOT NULL,
    unrated_errors NUMERIC NOT NULL,
    PRIMARY KEY (day, user_key, segment_key)
) WITHOUT ROWID;

-- The events that are kept say it exactly. Where nothing was ever recorded that isn't use, as in most
-- hosts, nothing is read here.
INSERT INTO rollup_user_aside
SELECT
    day, user_key, segment_key,
    sum(CASE WHEN is_active = 0 THEN 1 << half_hour % 48 ELSE 0 END), sum(unrated), sum(unrated_errors)
FROM (
    SELECT
        e.time / 86400000000000 AS day, e.user_key, s.segment_key,
        e.time / 1800000000000 AS half_hour, s.is_active,
        sum(CASE WHEN s.in_error_rate = 0 THEN coalesce(e.weight, 1) ELSE 0 END) AS unrated,
        sum(CASE WHEN s.in_error_rate = 0 AND s.is_failed = 1
                 THEN coalesce(e.weight, 1) ELSE 0 END) AS unrated_errors
    FROM events e JOIN series s ON s.series_key = e.series_key
    WHERE e.series_key IN (
        SELECT series_key FROM series WHERE is_product = 1 AND is_active + in_error_rate < 2
    ) AND e.user_key IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5
)
GROUP BY day, user_key, segment_key;

UPDATE rollup_user_day SET half_hours = 0
WHERE (day, user_key, segment_key) IN (SELECT day, user_key, segment_key FROM rollup_user_aside);
UPDATE rollup_user_day
SET half_hours = a.half_hours, first_time = a.first_time, last_time = a.last_time
FROM (
    SELECT
        day, user_key, segment_key, sum(1 << half_hour % 48) AS half_hours,
        min(first_time) AS first_time, max(last_time) AS last_time
    FROM (
        SELECT
            e.time / 86400000000000 AS day, e.user_key, s.segment_key,
            e.time / 1800000000000 AS half_hour,
            min(e.time) AS first_time, max(e.time) AS last_time
        FROM events e JOIN series s ON s.series_key = e.series_key
        WHERE EXISTS (SELECT 1 FROM rollup_user_aside)
          AND s.is_active = 1
          AND (e.time / 86400000000000, e.user_key, s.segment_key) IN (
            SELECT day, user_key, segment_key FROM rollup_user_aside
          )
        GROUP BY 1, 2, 3, 4
    )
    GROUP BY day, user_key, segment_key
) AS a
WHERE a.day = rollup_user_day.day AND a.user_key = rollup_user_day.user_key
  AND a.segment_key = rollup_user_day.segment_key;

-- When a user was active for the first time; first_seen is of any record, a span too.
ALTER TABLE users ADD COLUMN first_active INTEGER;

-- Of days whose events are deleted, what was used tells: something that isn't use, and nothing else.
UPDATE rollup_user_day SET half_hours = 0
WHERE day < (SELECT coalesce(min(time) / 86400000000000, 1 << 40) FROM events)
  AND EXISTS (SELECT 1 FROM features WHERE is_product = 1 AND is_active = 0 AND feature <> '')
  AND EXISTS (
    SELECT 1
    FROM features f JOIN rollup_user_feature_days u ON u.feature_key = f.feature_key
    WHERE f.is_active = 0 AND u.user_key = rollup_user_day.user_key
      AND u.segment_key = rollup_user_day.segment_key AND u.block = rollup_user_day.day / 32
      AND (u.days >> (rollup_user_day.day % 32)) % 2 = 1
  )
  AND NOT EXISTS (
    SELECT 1
    FROM features f JOIN rollup_user_feature_days u ON u.feature_key = f.feature_key
    WHERE f.is_active = 1 AND u.user_key = rollup_user_day.user_key
      AND u.segment_key = rollup_user_day.segment_key AND u.block = rollup_user_day.day / 32
      AND (u.days >> (rollup_user_day.day % 32)) % 2 = 1
  );

UPDATE users SET first_active = a.first_time
FROM (
    SELECT user_key, min(first_time) AS first_time FROM rollup_user_day
    WHERE half_hours <> 0 GROUP BY user_key
) AS a
WHERE a.user_key = users.user_key;

-- Sessions end by time, whatever a client's session id does: a row of `sessions` is now what a client
-- calls a session, and its parts are the sessions that are counted. What was there before is cut when
-- this script has run (sessions.py).

-- session × half hour, of product events: all that the parts follow from, in whichever order events
-- arrive. Tier and service are those of the latest event, the user of the latest that has one.
CREATE TABLE session_half_hours (
    session_key INTEGER NOT NULL,
    half_hour   INTEGER NOT NULL,
    first_time  INTEGER NOT NULL,
    end_time    INTEGER NOT NULL,
    events      NUMERIC NOT NULL,
    errors      NUMERIC NOT NULL,
    last_time   INTEGER NOT NULL,
    segment_key INTEGER NOT NULL,
    user_time   INTEGER,
    user_key    INTEGER,
    PRIMARY KEY (session_key, half_hour)
) WITHOUT ROWID;
CREATE TABLE session_parts (
    session_key INTEGER NOT NULL REFERENCES sessions,
    start_time  INTEGER NOT NULL,
    end_time    INTEGER NOT NULL,
    events      NUMERIC NOT NULL,
    errors      NUMERIC NOT NULL,
    segment_key INTEGER NOT NULL REFERENCES segments,
    user_key    INTEGER,
    reach       INTEGER NOT NULL,     -- end_time, but for a last call that takes it beyond the day
    continues   INTEGER NOT NULL,     -- 1: cut off the part before because that became too long
    PRIMARY KEY (session_key, start_time)
) WITHOUT ROWID;
CREATE INDEX session_parts_by_end ON session_parts (end_time);
-- Only a process of the version before still writes the times and counts of `sessions`; nobody reads
-- them. Events from this key on aren't in the parts yet: that process knows of none.
INSERT INTO store VALUES ('next_cut_key', 1);
DROP INDEX sessions_by_end;

DROP VIEW telemetry_user_sessions;
CREATE VIEW telemetry_user_sessions AS
SELECT
    n.session_id                          AS session_id,
    u.user_id_hash                        AS user_id_hash,
    g.user_tier                           AS user_tier,
    g.service                             AS service,
    p.start_time                          AS start_time,
    p.end_time                            AS end_time,
    (p.end_time - p.start_time) / 1e6     AS duration_ms,
    p.events                              AS event_count,
    p.errors                              AS error_count,
    nullif(f.os, '')                      AS os,
    nullif(f.ide, '')                     AS ide,
    nullif(f.extension_version, '')       AS extension_version,
    nullif(f.server_name, '')             AS mcp_server_name,
    nullif(f.server_version, '')          AS mcp_server_version,
    nullif(f.runtime, '')                 AS runtime,
    nullif(coalesce(n.instance_id, n.session_id), '') AS service_instance_id,
    (SELECT count(*) FROM session_parts o
     WHERE o.session_key = p.session_key AND o.start_time <= p.start_time) AS part
FROM session_parts p
JOIN sessions n USING (session_key)
JOIN segments g ON g.segment_key = p.segment_key
JOIN platforms f USING (platform_key)
LEFT JOIN users u ON u.user_key = p.user_key;

-- `telemetry_events` of 0003.sql, and `session_part`.
DROP VIEW telemetry_events;
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
    s.is_failed                                  AS is_failed,
    (SELECT nullif(count(*), 0) FROM session_parts p
     WHERE p.session_key = e.session_key AND p.start_time <= e.time) AS session_part
FROM events e
JOIN series s USING (series_key)
JOIN contexts c USING (context_key)
JOIN sessions n USING (session_key)
LEFT JOIN users u ON u.user_key = e.user_key;
