"""The page "experiments": what variants of feature flags do to conversion and retention."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ANALYTICS

__all__ = ["PAGE"]

_NO_FLAGS = N_("events.feature_flag(…) fills this, whenever a user gets a variant.")

PAGE = Page(
    id="experiments",
    title=N_("Experiments"),
    group=ANALYTICS,
    since="90d",
    panels=(
        Panel(
            id="verdicts", question="experiments", draw="table", wide=True,
            values=("flag", "verdict", "winner", "exposed_users", "two_arm_users",
                    "pending_users", "smallest_arm", "planned_users", "difference", "p_value",
                    "adjusted_p"),
            empty=_NO_FLAGS,
        ),
        Panel(
            id="conversion", question="experiment_arms", draw="intervals", x="arm",
            values=("rate", "low", "high", "eligible_users", "conversions"),
            title=N_("Conversion by arm"), wide=True, empty=_NO_FLAGS,
        ),
        Panel(
            id="differences", question="experiment_arms", draw="intervals", x="arm",
            values=("difference", "difference_low", "difference_high"), target=0.0,
            title=N_("Conversion compared with the control"), wide=True, empty=_NO_FLAGS,
        ),
        Panel(
            id="retention", question="experiment_arms", draw="intervals", x="arm",
            values=("retention", "retention_low", "retention_high", "watched_users",
                    "retained_users"),
            title=N_("Retention by arm"), wide=True, empty=_NO_FLAGS,
        ),
        Panel(
            id="retention_differences", question="experiment_arms", draw="intervals", x="arm",
            values=("retention_difference", "retention_difference_low",
                    "retention_difference_high"),
            target=0.0, title=N_("Retention compared with the control"), wide=True, empty=_NO_FLAGS,
        ),
        Panel(
            id="checks", question="experiment_checks", draw="table", wide=True, empty=_NO_FLAGS,
        ),
    ),
)  # fmt: skip
