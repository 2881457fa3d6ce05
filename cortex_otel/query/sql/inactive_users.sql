-- title: Installed but inactive
-- about: Users who installed the extension by the end of the range and did not use it in the range,
--   latest installation first. Or, with inactive_days: those who have had it for at least so many days
--   and have not used it in that time, whatever the start of the range.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
-- parameter: inactive_days integer:0..3650 0 days without use before the end of the range; 0 for the
--   whole range
-- column: user_id_hash text the user, hashed
-- column: installed epoch_day when they first installed it, a day of UTC
-- column: last_active epoch_day when they last used it, a day of UTC; null if never
WITH
-- with: installed
SELECT
    u.user_id_hash AS user_id_hash,
    i.installed AS installed,
    i.last_active AS last_active
FROM installed i JOIN users u ON u.user_key = i.user_key
WHERE (:inactive_days = 0 AND i.is_active = 0)
   OR (:inactive_days > 0
       AND i.installed <= :to_ns / 86400000000000 - :inactive_days
       AND (i.last_active IS NULL OR i.last_active < :to_ns / 86400000000000 - :inactive_days))
ORDER BY i.installed DESC, u.user_id_hash
