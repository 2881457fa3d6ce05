"""The page "users": all users, and a search for one."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import NO_EVENTS, NO_USERS, USER_LINK

__all__ = ["PAGE"]

PAGE = Page(
    id="users",
    title=N_("Users"),
    filters=("service", "user_tier", "user", "event_type"),
    panels=(
        Panel(
            id="summary", question="user_summary", draw="cards",
            values=("active_users", "new_users", "sessions", "avg_session_ms",
                    "sessions_per_user", "error_users"),
            empty=NO_USERS, wide=True,
        ),
        Panel(
            id="new_users", question="new_users", draw="bars", x="day", values=("new_users",),
            empty=NO_USERS,
        ),
        Panel(
            id="tiers", question="tiers", draw="ranking", x="user_tier",
            values=("users", "events", "errors"), empty=NO_USERS,
        ),
        Panel(
            id="users", question="users", draw="table", links=USER_LINK, limit=50,
            empty=NO_USERS, wide=True,
        ),
        Panel(
            id="events", question="events", draw="table",
            values=("time", "service", "event_type", "user_tier", "feature", "result",
                    "duration_ms", "user_id_hash", "trace_id"),
            links={"user_id_hash": "users", "trace_id": "trace"},
            limit=50, empty=NO_EVENTS, wide=True,
        ),
    ),
)  # fmt: skip
