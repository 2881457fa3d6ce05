-- Tiers, the lowest first. Generated from telemetry/registry by `make generate`: change it there.
known_tiers (user_tier, tier_rank) AS (
    VALUES ('free', 0), ('trial', 1), ('paid', 2), ('enterprise', 3)
)
