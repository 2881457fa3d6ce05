-- title: Installed but inactive
-- about: Users who installed the extension by the end of the range and did not use it in the range,
--   latest installation first.
-- parameter: from_ns
-- parameter: to_ns
-- parameter: service
-- parameter: user_tier
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
WHERE i.is_active = 0
ORDER BY i.installed DESC, u.user_id_hash
