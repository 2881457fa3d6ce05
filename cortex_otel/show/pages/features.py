"""The page "features": what is used, by whom, and what goes with staying."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ANALYTICS, NO_FEATURES

__all__ = ["PAGE"]

PAGE = Page(
    id="features",
    title=N_("Features"),
    group=ANALYTICS,
    since="90d",
    panels=(
        Panel(
            id="first_week", question="first_week_features", draw="intervals", x="feature",
            values=("lift", "low", "high", "users_with", "users_without"), target=1.0, limit=40,
            wide=True,
            empty=N_("Users first seen at least four weeks before the end of the range fill this."),
        ),
        Panel(
            id="weeks", question="feature_weeks", draw="heatmap", x="feature", split="week",
            values=("share_of_active",), title=N_("Share of active users by week"), limit=10_000,
            wide=True, empty=NO_FEATURES,
        ),
        Panel(
            id="adoption", question="feature_adoption", draw="lines", x="date", values=("share",),
            split="feature", limit=10_000, empty=NO_FEATURES,
        ),
        Panel(
            id="unused", question="unused_features", draw="table", limit=200,
            empty=N_("Every feature that is known was used in this range."),
        ),
        Panel(
            id="tiers", question="feature_tiers", draw="heatmap", x="feature", split="user_tier",
            values=("share_of_active",), title=N_("Share of active users by tier"),
            empty=NO_FEATURES,
        ),
        Panel(
            id="tier_uses", question="feature_tiers", draw="heatmap", x="feature",
            split="user_tier", values=("uses_per_user",), title=N_("Uses per user by tier"),
            empty=NO_FEATURES,
        ),
        Panel(
            id="week_users", question="feature_weeks", draw="heatmap", x="feature", split="week",
            values=("users",), title=N_("Users by week"), limit=10_000, wide=True,
            empty=NO_FEATURES,
        ),
        Panel(
            id="week_uses", question="feature_weeks", draw="heatmap", x="feature", split="week",
            values=("uses_per_user",), title=N_("Uses per user by week"), limit=10_000, wide=True,
            empty=NO_FEATURES,
        ),
    ),
)  # fmt: skip
