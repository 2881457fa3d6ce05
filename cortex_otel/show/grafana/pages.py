"""Dashboards that the web admin has no page for, beside those of its :data:`PAGES`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.show.pages import PAGES, Page, Panel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HOME", "LIVE", "PAGES_OF_GRAFANA", "TRACE"]


HOME = Page(
    id="home",
    title=N_("Home"),
    about=N_("How Cortex is used at a glance, and the way to every other dashboard."),
    panels=(
        Panel(id="cards", question="overview", draw="cards"),
        Panel(id="health", question="health", draw="table", since="1h"),
        Panel(
            id="events", question="events_per_hour", draw="bars", x="time",
            values=("events", "errors"), since="24h",
        ),
        Panel(id="users", question="dau", draw="lines", x="day", values=("users",)),
        Panel(
            id="rate", question="error_rate", draw="lines", x="time", values=("error_rate",),
            since="24h",
        ),
    ),
)  # fmt: skip

#: Small on purpose: every panel is asked once a second.
LIVE = Page(
    id="live",
    title=N_("Live"),
    about=N_("What is happening now, refreshed every second."),
    panels=(
        Panel(id="health", question="health", draw="table", wide=True),
        Panel(
            id="events", question="events", draw="table", limit=50, wide=True,
            values=(
                "time", "service", "event_type", "user_tier", "feature", "result", "duration_ms",
                "user_id_hash", "trace_id",
            ),
            links={"user_id_hash": "users", "trace_id": "trace"},
        ),
        Panel(
            id="errors", question="errors", draw="table", limit=50, wide=True,
            values=(
                "time", "service", "event_type", "tool_name", "error_type", "message",
                "user_id_hash", "trace_id",
            ),
            links={"error_type": "errors", "user_id_hash": "users", "trace_id": "trace"},
        ),
    ),
)  # fmt: skip

#: Where a click on a trace id leads; a waterfall stands below its table.
TRACE = Page(
    id="trace",
    title=N_("Trace"),
    about=N_("Everything that belongs to one trace, as a table and in chronological order."),
    panels=(
        Panel(
            id="spans", question="trace", draw="table", wide=True,
            values=(
                "time", "name", "service", "event_type", "result", "duration_ms", "error_type",
                "message", "user_id_hash",
            ),
            links={"user_id_hash": "users", "error_type": "errors"},
        ),
    ),
    filters=("trace_id",),
)  # fmt: skip

PAGES_OF_GRAFANA: Mapping[str, Page] = MappingProxyType(
    {HOME.id: HOME, **PAGES, LIVE.id: LIVE, TRACE.id: TRACE}
)
"""By id, in the order of the list of dashboards."""
