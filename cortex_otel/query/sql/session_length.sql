-- title: Session length per day
-- about: Mean length of the sessions that began on each calendar day, from the first event to the
--   end of the last. A session that is still going on counts with its length so far.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: time_zone
-- parameter: of_service text '' of the sessions asked for, those of this service; empty for all
-- column: day epoch_day the calendar day
-- column: sessions count sessions that began on it
-- column: avg_session_ms ms their mean length
-- column: partial flag 1 if the range has only a part of the day
WITH RECURSIVE
-- with: chosen_segments
-- with: sessions_in_range
-- with: range_days
sittings AS (
    SELECT
        (n.start_time + z.offset_ns) / 86400000000000 AS day,
        count(*) AS sessions,
        avg((n.end_time - n.start_time) / 1e6) AS avg_session_ms
    FROM sessions_in_range n CROSS JOIN zone_offsets z
    WHERE z.since <= n.start_time AND n.start_time < z.until
      AND n.start_time >= :from_ns
      AND n.segment_key IN (
        SELECT segment_key FROM chosen_segments WHERE :of_service = '' OR service = :of_service
      )
    GROUP BY (n.start_time + z.offset_ns) / 86400000000000
)
SELECT
    s.day AS day,
    s.sessions AS sessions,
    s.avg_session_ms AS avg_session_ms,
    1 - d.is_whole AS partial
FROM sittings s JOIN days d ON d.day = s.day
ORDER BY s.day
