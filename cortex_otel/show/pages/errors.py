"""The page "errors": what failed, where and for whom."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import ERROR_LINKS, NO_ERRORS

__all__ = ["PAGE"]

PAGE = Page(
    id="errors",
    title=N_("Errors"),
    filters=("service", "user_tier", "event_type", "error_type", "tool", "user", "q"),
    panels=(
        Panel(
            id="summary", question="error_summary", draw="cards",
            values=("errors", "timeouts", "error_rate", "error_types", "last_error"),
            empty=NO_ERRORS, wide=True,
        ),
        Panel(
            id="hours", question="errors_per_hour", draw="bars", x="time",
            values=("errors", "timeouts"), stacked=True, limit=10_000, empty=NO_ERRORS, wide=True,
        ),
        Panel(
            id="types", question="error_types", draw="ranking", x="error_type", values=("errors",),
            links={"error_type": "errors"}, limit=15, empty=NO_ERRORS,
        ),
        Panel(
            id="places", question="error_places", draw="table",
            links={"event_type": "errors", "tool_name": "errors"}, limit=50, wide=True,
            empty=NO_ERRORS,
        ),
        Panel(
            id="log", question="errors", draw="table",
            values=("time", "service", "event_type", "user_tier", "tool_name", "result",
                    "error_type", "message", "user_id_hash", "trace_id"),
            links=ERROR_LINKS, limit=50, empty=NO_ERRORS, wide=True,
        ),
    ),
)  # fmt: skip
