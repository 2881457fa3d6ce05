"""The page "lifecycle": who comes, stays, comes back, and is about to go."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import (
    ANALYTICS,
    NO_EXTENSION,
    NO_USERS,
    ONLY_INSTALLED,
    USER_LINK,
)

__all__ = ["PAGE"]

PAGE = Page(
    id="lifecycle",
    title=N_("Lifecycle"),
    group=ANALYTICS,
    since="90d",
    panels=(
        Panel(
            id="weeks", question="lifecycle", draw="bars", x="week", stacked=True,
            values=("new_users", "returning_users", "resurrected_users"),
            title=N_("Active users by week"), empty=NO_USERS,
        ),
        Panel(
            id="dormant", question="lifecycle", draw="bars", x="week", values=("dormant_users",),
            title=N_("Users who fell silent, by week"), empty=NO_USERS,
        ),
        Panel(
            id="at_risk", question="users_at_risk", draw="table", links=USER_LINK, limit=200,
            wide=True, empty=N_("No regular user has been silent for longer than ever before."),
        ),
        Panel(
            id="downgrades", question="tier_downgrades", draw="table", links=USER_LINK, limit=200,
            wide=True, empty=N_("Nobody went from a tier that pays to one that doesn't."),
        ),
        Panel(
            id="installs", question="installs", draw="pie", x="state", values=("users",),
            empty=NO_EXTENSION, note=ONLY_INSTALLED,
        ),
        Panel(
            id="session_length", question="session_length", draw="lines", x="day",
            values=("avg_session_ms",), parameters={"of_service": ""}, empty=NO_USERS,
        ),
        Panel(
            id="inactive", question="inactive_users", draw="table", links=USER_LINK, limit=200,
            wide=True,
            empty=N_(
    "Everybody who installed the extension has used it, or nobody has installed it yet."
),
        ),
    ),
)  # fmt: skip
