"""The page "user": what one user did."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import NOTHING_OF_THEM

__all__ = ["PAGE"]

PAGE = Page(
    id="user",
    title=N_("User details"),
    filters=("service", "user_tier", "user", "event_type"),
    panels=(
        Panel(
            id="totals", question="user_totals", draw="cards",
            values=("events", "errors", "error_rate", "active_days", "tools", "sessions",
                    "avg_session_ms"),
            empty=NOTHING_OF_THEM, wide=True,
        ),
        Panel(
            id="days", question="user_days", draw="bars", x="day", values=("events", "errors"),
            empty=NOTHING_OF_THEM,
        ),
        Panel(
            id="tools", question="user_tools", draw="table",
            values=("event_type", "feature", "events", "errors", "avg_ms", "last_used"),
            limit=100, empty=NOTHING_OF_THEM,
        ),
        Panel(
            id="timeline", question="events", draw="table", title=N_("Timeline"),
            values=("time", "service", "event_type", "user_tier", "feature", "result",
                    "duration_ms", "error_type", "message", "trace_id"),
            links={"trace_id": "trace"}, limit=50, empty=NOTHING_OF_THEM, wide=True,
        ),
        Panel(
            id="sessions", question="sessions", draw="table",
            values=("start_time", "end_time", "service", "user_tier", "duration_ms", "events",
                    "errors", "ide", "os", "session_id"),
            limit=50, empty=NOTHING_OF_THEM, wide=True,
        ),
    ),
)  # fmt: skip
