"""The page "reliability": what failures and slow calls cost."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ANALYTICS, NO_ERRORS, NO_USERS

__all__ = ["PAGE"]

PAGE = Page(
    id="reliability",
    title=N_("Reliability and conversion"),
    group=ANALYTICS,
    since="90d",
    panels=(
        Panel(
            id="effects", question="reliability_conversion", draw="intervals", x="problem",
            split="outcome", values=("risk_ratio", "low", "high", "users_with", "users_without"),
            target=1.0, wide=True, empty=NO_USERS,
        ),
        Panel(
            id="verdicts", question="reliability_conversion", draw="table", wide=True,
            values=("outcome", "problem", "verdict", "users_with", "users_without", "rate_with",
                    "rate_without", "difference", "difference_low", "difference_high"),
            title=N_("Rates with and without"), empty=NO_USERS,
            note=N_(
    "The rates are as counted. The difference is adjusted: it compares users who were equally "
    "active, and the verdict goes by it. Active users meet more failures and convert "
    "more, so the two may disagree."
),
        ),
        Panel(
            id="costly", question="costly_errors", draw="table", wide=True, limit=50,
            links={"error_type": "errors", "event_type": "errors", "tool_name": "errors"},
            empty=NO_ERRORS,
        ),
    ),
)  # fmt: skip
