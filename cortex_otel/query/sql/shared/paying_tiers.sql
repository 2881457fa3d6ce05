-- Tiers that pay. Generated from telemetry/registry by `make generate`: change it there.
paying_tiers (user_tier) AS (
    VALUES ('paid'), ('enterprise')
)
