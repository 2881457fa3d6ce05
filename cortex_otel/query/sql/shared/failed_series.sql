-- Kinds of failures that are asked for.
failed_series AS (
    SELECT s.series_key, s.service, s.event_type, s.tool_name, s.result, s.error_type
    FROM series s
    WHERE s.result IN ('error', 'timeout')
      AND s.event_type NOT IN ('span', 'log')
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
      AND (:event_type = '' OR substr(s.event_type, 1, length(:event_type)) = :event_type)
      AND (:error_type = '' OR s.error_type = :error_type)
      AND (:tool = '' OR s.tool_name = :tool)
)
