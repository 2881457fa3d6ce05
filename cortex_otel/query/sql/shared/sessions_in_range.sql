-- Sessions that overlap the range, as they are cut by time: none takes more than a day.
sessions_in_range AS (
    SELECT
        session_key, start_time, end_time, events, errors, segment_key, user_key
    FROM session_parts
    WHERE end_time >= :from_ns AND end_time < :to_ns + 86400000000000 AND start_time < :to_ns
)
