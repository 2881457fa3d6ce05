"""The page "conversion": who goes how far, how long it takes, and who went no further."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ANALYTICS, NO_USERS, USER_LINK, WHO_CONVERTS

__all__ = ["PAGE"]

_NOBODY = N_("Nobody took the first step of this funnel in this range.")

PAGE = Page(
    id="conversion",
    title=N_("Conversion"),
    group=ANALYTICS,
    since="90d",
    panels=(
        Panel(
            id="funnel", question="funnel", draw="funnel", x="name", values=("users",),
            split="breakdown", wide=True, empty=_NOBODY,
        ),
        Panel(
            id="steps", question="funnel", draw="table", title=N_("Steps of the funnel"),
            wide=True, empty=_NOBODY,
        ),
        Panel(
            id="times", question="funnel_times", draw="ranking", x="bar", values=("users",),
            empty=N_("Nobody took all steps of this funnel in this range."),
        ),
        Panel(
            id="total", question="conversion_total", draw="cards",
            values=("conversion_rate", "low", "high", "converted_users", "eligible_users",
                    "idle_users", "pending_users"),
            empty=NO_USERS, wide=True,
        ),
        Panel(
            id="weeks", question="conversion", draw="intervals", x="week",
            values=("conversion_rate", "low", "high", "eligible_users", "idle_users",
                    "pending_users"),
            empty=NO_USERS, wide=True, note=WHO_CONVERTS,
        ),
        Panel(
            id="left", question="funnel_users", draw="table", links=USER_LINK, limit=200,
            wide=True,
            empty=N_("Nobody stopped before the last step, or their time isn't over yet."),
        ),
    ),
)  # fmt: skip
