-- Sessions that overlap the range and have events; what belongs to no session is none.
sessions_in_range AS (
    SELECT * FROM sessions
    WHERE end_time >= :from_ns AND start_time < :to_ns AND events > 0 AND session_id <> ''
)
