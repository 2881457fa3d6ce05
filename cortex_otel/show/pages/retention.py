"""The page "retention": who comes back, and when."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ANALYTICS, NO_USERS

__all__ = ["PAGE"]

PAGE = Page(
    id="retention",
    title=N_("Retention"),
    group=ANALYTICS,
    since="90d",
    panels=(
        Panel(
            id="cohorts", question="retention", draw="heatmap", x="cohort", split="period",
            values=("retention", "cohort_users"), trend="retention_curve", limit=10_000, wide=True,
            empty=NO_USERS,
        ),
        Panel(
            id="curve", question="retention_curve", draw="ranking", x="period_name",
            values=("retention",), wide=True, empty=NO_USERS,
        ),
        Panel(
            id="groups", question="retention_groups", draw="heatmap", x="breakdown",
            split="period", values=("retention", "users"), limit=10_000, wide=True, empty=NO_USERS,
        ),
    ),
)  # fmt: skip
