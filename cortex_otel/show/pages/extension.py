"""The page "extension": the IDE extension."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import (
    ERROR_LINKS,
    NO_ERRORS,
    NO_EXTENSION,
    ONLY_INSTALLED,
    USER_LINK,
)

__all__ = ["PAGE"]

PAGE = Page(
    id="extension",
    title=N_("Extension"),
    panels=(
        Panel(
            id="summary", question="extension_summary", draw="cards",
            values=("active_users", "installs", "activations", "interactions", "lines_inserted",
                    "error_rate", "sessions", "avg_session_ms"),
            empty=NO_EXTENSION, wide=True,
        ),
        Panel(
            id="ides", question="ides", draw="pie", x="ide", values=("users",), empty=NO_EXTENSION,
        ),
        Panel(
            id="interactions", question="ui_interactions", draw="ranking", x="interaction",
            values=("interactions", "users"), limit=10, empty=NO_EXTENSION,
            title=N_("Top 10 interactions"),
        ),
        Panel(
            id="session_length", question="session_length", draw="lines", x="day",
            values=("avg_session_ms",), parameters={"of_service": "extension"}, empty=NO_EXTENSION,
        ),
        Panel(
            id="installs", question="installs", draw="pie", x="state", values=("users",),
            empty=NO_EXTENSION, note=ONLY_INSTALLED,
        ),
        Panel(
            id="inactive", question="inactive_users", draw="table", links=USER_LINK, limit=200,
            wide=True,
            empty=N_(
    "Everybody who installed the extension has used it, or nobody has installed it yet."
),
        ),
        Panel(
            id="errors", question="errors", draw="table", parameters={"event_type": "ext."},
            title=N_("Errors of the extension"),
            values=("time", "event_type", "user_tier", "result", "error_type", "message",
                    "user_id_hash", "trace_id"),
            links=ERROR_LINKS, limit=50, empty=NO_ERRORS, wide=True,
        ),
    ),
)  # fmt: skip
