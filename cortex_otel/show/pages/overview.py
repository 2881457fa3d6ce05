"""The page "overview": who uses it, how much, how fast."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import NO_EVENTS, NO_USERS

__all__ = ["PAGE"]

PAGE = Page(
    id="overview",
    title=N_("Overview"),
    panels=(
        Panel(
            id="people", question="active_users", draw="cards",
            values=("dau", "wau", "mau", "stickiness"), empty=NO_USERS, wide=True,
        ),
        Panel(
            id="totals", question="overview", draw="cards",
            values=("events", "error_rate", "avg_ms", "p95_ms", "p99_ms", "sessions"),
            empty=NO_EVENTS, wide=True,
        ),
        Panel(id="dau", question="dau", draw="lines", x="day", values=("users",), empty=NO_USERS),
        Panel(id="mau", question="mau", draw="lines", x="day", values=("users",), empty=NO_USERS),
        Panel(
            id="hours", question="events_per_hour", draw="bars", x="time",
            values=("events", "errors"), since="24h", empty=NO_EVENTS,
        ),
        Panel(
            id="error_rate", question="error_rate", draw="lines", x="time",
            values=("error_rate",), since="24h", empty=NO_EVENTS,
        ),
        Panel(
            id="tiers", question="tiers", draw="pie", x="user_tier", values=("users",),
            empty=NO_USERS,
        ),
        Panel(
            id="services", question="services", draw="pie", x="service", values=("events",),
            title=N_("Events by service"), empty=NO_EVENTS,
        ),
        Panel(
            id="event_types", question="events_by_service", draw="table", wide=True,
            title=N_("Events by type"), links={"event_type": "errors"},
            empty=NO_EVENTS,
        ),
    ),
)  # fmt: skip
