-- Users whose hash begins with :user; nobody where it is empty.
chosen_users AS (
    SELECT user_key, user_id_hash FROM users
    WHERE :user <> '' AND substr(user_id_hash, 1, length(:user)) = :user
)
