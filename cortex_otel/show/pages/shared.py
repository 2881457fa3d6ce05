"""What several pages say and link alike."""

from __future__ import annotations

from types import MappingProxyType

from cortex_otel.locale import N_

__all__ = [
    "ANALYTICS",
    "ERROR_LINKS",
    "NOTHING_OF_THEM",
    "NO_CALLS",
    "NO_ERRORS",
    "NO_EVENTS",
    "NO_EXTENSION",
    "NO_FEATURES",
    "NO_SEARCHES",
    "NO_USERS",
    "ONLY_INSTALLED",
    "OPERATION",
    "USER_LINK",
    "WHO_CONVERTS",
]

#: The group of pages for asking, in the navigation.
ANALYTICS = N_("Analytics")

#: The group of what keeps the store alive: jobs, alerts, reports.
OPERATION = N_("Operation")

#: Where no tool is instrumented yet.
NO_CALLS = N_(
    "Calls of MCP tools fill this: start your server with opentelemetry-instrument, and call one."
)
NO_EVENTS = N_(
    "Anything that is recorded fills this. If nothing is, cortex-otel doctor finds out why."
)
NO_USERS = N_(
    "Events with a user id fill this: give configure() an identity provider, or set "
    "CORTEX_OTEL_USER_ID."
)
NOTHING_OF_THEM = N_("There is nothing of this user in this range: choose a longer one.")
NO_EXTENSION = N_("Events of the IDE extension fill this: it sends them to cortex-otel serve.")
#: Beside who was active in the extension, which are more where it was installed before.
ONLY_INSTALLED = N_(
    "Only of users whose installation was recorded. Who is active and installed the extension "
    "before anything was recorded, or with recording off, isn't among them."
)
NO_FEATURES = N_("Tool calls, clicks and other uses of features fill this, with a user id.")
WHO_CONVERTS = N_(
    "Eligible is everyone who began without paying and whose window is over, also those who only "
    "installed the extension (never active): many of them in a week, and its rate is low. Pending "
    "users are still inside their window and in no rate."
)
NO_SEARCHES = N_("events.search_context(…) fills this, as soon as a search is made.")
NO_ERRORS = N_("No failures with these filters: nothing to do here.")

USER_LINK = MappingProxyType({"user_id_hash": "users"})
ERROR_LINKS = MappingProxyType(
    {"user_id_hash": "users", "trace_id": "trace", "error_type": "errors", "tool_name": "errors"}
)
