-- Each series over the range: for everybody from the roll-ups, for the chosen_users from their
-- events; needs counted and user_events.
counted_for_user AS (
    SELECT series_key, events FROM counted WHERE :user = ''
    UNION ALL
    SELECT series_key, sum(weight) FROM user_events GROUP BY series_key
)
