"""The page "journeys": what users do one after the other, and together."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ANALYTICS, NO_CALLS, NO_USERS

__all__ = ["PAGE"]

PAGE = Page(
    id="journeys",
    title=N_("Journeys"),
    group=ANALYTICS,
    panels=(
        Panel(
            id="paths", question="journeys", draw="sankey", x="source", split="target",
            values=("sessions",), wide=True, empty=NO_USERS,
        ),
        Panel(
            id="transitions", question="transitions", draw="table", limit=200, wide=True,
            empty=NO_USERS,
        ),
        Panel(
            id="together", question="tools_together", draw="matrix", x="tool_name",
            split="with_tool", values=("lift",), empty=NO_CALLS,
        ),
        Panel(
            id="together_sessions", question="tools_together", draw="table", limit=100,
            title=N_("Tools used together, in numbers"), empty=NO_CALLS,
        ),
    ),
)  # fmt: skip
