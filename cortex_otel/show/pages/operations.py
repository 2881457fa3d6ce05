"""The page "jobs and alerts": what is wrong now, what was, and what runs by itself."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import OPERATION

__all__ = ["PAGE"]

_COLUMNS = (
    "state", "rule", "subject", "fired", "duration_ms", "shown_value", "shown_threshold",
    "tool_name", "error_type", "delivery",
)  # fmt: skip

PAGE = Page(
    id="operations",
    title=N_("Jobs and alerts"),
    group=OPERATION,
    since="30d",
    filters=("service",),
    panels=(
        Panel(
            id="firing", question="alerts", draw="table", wide=True, title=N_("Firing now"),
            parameters={"alert_state": "firing"},
            values=("rule", "subject", "fired", "duration_ms", "shown_value", "shown_threshold",
                    "tool_name", "error_type", "delivery"),
            links={"tool_name": "errors", "error_type": "errors"},
            empty=N_("No alert is firing. cortex-otel serve checks twice a second."),
        ),
        Panel(
            id="jobs", question="jobs", draw="table", wide=True,
            empty=N_("cortex-otel serve fills this with what it does at its times."),
        ),
        Panel(
            id="alerts", question="alerts", draw="table", wide=True, title=N_("Recent alerts"),
            parameters={"alert_state": "all"}, values=_COLUMNS,
            links={"tool_name": "errors", "error_type": "errors"},
            empty=N_("Nothing was wrong in this range."),
        ),
    ),
)  # fmt: skip
