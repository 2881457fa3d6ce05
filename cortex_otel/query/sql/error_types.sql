-- title: Errors by type
-- title.ko: 유형별 오류
-- about: Failures by class of error, most first. Of whole hours.
-- about.ko: 오류 종류별 실패 수이며, 많은 것부터 표시합니다.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: event_type text '' an event type, or its beginning; empty for all
-- parameter.ko: event_type 이벤트 유형 또는 그 앞부분. 비우면 전체
-- parameter: error_type text '' a class of error, unknown where none was told; empty for all
-- parameter.ko: error_type 오류 유형. 알려지지 않은 것은 unknown. 비우면 전체
-- parameter: tool text '' a tool; empty for all
-- parameter.ko: tool 도구. 비우면 전체
-- parameter: user text '' the beginning of a user hash, or all of it; empty for all
-- parameter.ko: user 사용자 해시 또는 그 앞부분. 비우면 전체
-- column: error_type text class of the error; unknown where it was not told
-- column.ko: error_type 오류의 종류. 알려지지 않았으면 unknown
-- column: errors count events, weighted by sampling
-- column.ko: errors 이벤트 수(샘플링 보정)
-- column: share ratio errors / all errors
-- column.ko: share 오류 / 모든 오류
WITH RECURSIVE
-- with: bounds
-- with: counted
-- with: chosen_users
-- with: user_windows
-- with: user_events
-- with: counted_for_user
-- with: failed_series
totals AS (
    SELECT f.error_type, sum(c.events) AS errors
    FROM counted_for_user c JOIN failed_series f ON f.series_key = c.series_key
    GROUP BY f.error_type
)
SELECT
    error_type AS error_type,
    errors AS errors,
    errors * 1.0 / nullif((SELECT sum(errors) FROM totals), 0) AS share
FROM totals
ORDER BY errors DESC, error_type
