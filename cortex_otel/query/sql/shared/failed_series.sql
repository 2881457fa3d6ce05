-- Kinds of failures that are asked for. A class of error that was not told is called unknown, so
-- that it can be asked for by the name that is shown.
failed_series AS (
    SELECT
        s.series_key, s.service, s.user_tier, s.event_type, s.tool_name, s.result,
        coalesce(nullif(s.error_type, ''), 'unknown') AS error_type
    FROM series s
    WHERE s.is_failed = 1
      AND s.is_product = 1
      AND (:service = '' OR s.service = :service)
      AND (:user_tier = '' OR s.user_tier = :user_tier)
      AND (:event_type = '' OR substr(s.event_type, 1, length(:event_type)) = :event_type)
      AND (:error_type = '' OR coalesce(nullif(s.error_type, ''), 'unknown') = :error_type)
      AND (:tool = '' OR s.tool_name = :tool)
)
