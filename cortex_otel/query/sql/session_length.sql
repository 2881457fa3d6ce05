-- title: Session length per day
-- about: Mean length of the sessions that began on each calendar day, from the first event to the
--   end of the last. A session that is still going on counts with its length so far.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: utc_offset_minutes
-- parameter: of_service text '' of the sessions asked for, those of this service; empty for all
-- column: day epoch_day the calendar day
-- column: sessions count sessions that began on it
-- column: avg_session_ms ms their mean length
-- column: partial flag 1 if the range has only a part of the day
WITH
-- with: chosen_segments
-- with: sessions_in_range
-- with: local_range
sittings AS (
    SELECT
        (n.start_time / 60000000000 + :utc_offset_minutes) / 1440 AS day,
        count(*) AS sessions,
        avg((n.end_time - n.start_time) / 1e6) AS avg_session_ms
    FROM sessions_in_range n
    WHERE n.start_time >= :from_ns
      AND n.segment_key IN (
        SELECT segment_key FROM chosen_segments WHERE :of_service = '' OR service = :of_service
      )
    GROUP BY (n.start_time / 60000000000 + :utc_offset_minutes) / 1440
)
SELECT
    day AS day,
    sessions AS sessions,
    avg_session_ms AS avg_session_ms,
    CASE WHEN day * 1440 < from_minute OR (day + 1) * 1440 > to_minute THEN 1 ELSE 0 END AS partial
FROM sittings CROSS JOIN local_range
ORDER BY day
