"""Which questions make a page, and how each is drawn: the one source of both faces.

The web admin (:mod:`cortex_otel.show.web`) and the Grafana dashboards
(:mod:`cortex_otel.show.grafana`) are two renderings of :data:`PAGES`. A new panel is one SQL file
in ``query/sql`` and one :class:`Panel` here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from cortex_otel.locale import N_, texts
from cortex_otel.query.catalogue import catalogue
from cortex_otel.semconv import TARGETS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAGES", "Drawing", "Page", "Panel"]

Drawing = Literal[
    "cards", "lines", "bars", "ranking", "pie", "table", "matrix", "heatmap", "funnel", "sankey",
    "intervals", "sentence",
]  # fmt: skip
"""``cards``: one row, a big number a column. ``lines`` and ``bars``: over time or a category.
``ranking``: horizontal bars, a row each. ``pie``: shares. ``table``: rows as they are.
``matrix``: a coloured grid of ``x`` by ``split``, both of the same kind. ``heatmap``: rows of ``x``
by columns of ``split``, coloured by the first value; null is hatched: not complete. ``funnel``: the
steps ``x`` by the first value, with a series for each ``split``. ``sankey``: flows from ``x`` to
``split``, as wide as the first value. ``intervals``: a point and its confidence interval for each
``x``; values are the estimate, its lower and its upper end. ``sentence``: one row, told in words:
``sentence``, and a line of the second question ``trend``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One question on a page, and how it is drawn."""

    id: str
    """Unique on its page; letters and ``_``. Part of URLs."""
    question: str
    """Name in the catalogue."""
    draw: Drawing
    title: str = ""
    """In English, where the question's own title doesn't fit."""
    x: str = ""
    """Column of the horizontal axis, the category, or the name of a row."""
    values: tuple[str, ...] = ()
    """Columns that are drawn, in this order; of a table, all if empty."""
    split: str = ""
    """Column whose values become series of their own."""
    target: float | None = None
    """A line to reach, in the unit of the values."""
    stacked: bool = False
    sentence: str = ""
    """Of a ``sentence``: English text with ``{column}`` for the row's values."""
    trend: str = ""
    """Of a ``sentence``: the question whose rows are its sparkline, by ``x`` and ``values``."""
    since: str = ""
    """A range of its own (``24h``), whatever the page's; empty: the page's."""
    limit: int = 1000
    """Rows shown at most."""
    parameters: Mapping[str, int | float | str] = field(default_factory=dict)
    """Fixed for this panel, by the question's parameter: whatever a filter of the page says."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Column → page it leads to (a page's id, or ``trace``), with the row's value as filter."""
    wide: bool = False
    """Takes the whole width."""
    empty: str = ""
    """What would fill the panel, in English; shown where it has no rows."""

    def title_in(self, language: str) -> str:
        """The title in ``language`` (``en``, ``ko``): its own, else the question's."""
        if self.title:
            return texts(language).gettext(self.title)
        return catalogue()[self.question].title_in(language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the admin, one dashboard of Grafana."""

    id: str
    title: str
    """In English."""
    panels: tuple[Panel, ...]
    about: str = ""
    """What it is for, in English, where a dashboard says so."""
    filters: tuple[str, ...] = ("service", "user_tier")
    """Beside the time range; parameters of the page's questions."""

    def title_in(self, language: str) -> str:
        """The title in ``language`` (``en``, ``ko``)."""
        return texts(language).gettext(self.title)


#: Where no tool is instrumented yet.
_NO_CALLS = N_(
    "Calls of MCP tools fill this: start your server with opentelemetry-instrument, and call one."
)
_NO_EVENTS = N_(
    "Anything that is recorded fills this. If nothing is, cortex-otel doctor finds out why."
)
_NO_USERS = N_(
    "Events with a user id fill this: give configure() an identity provider, or set "
    "CORTEX_OTEL_USER_ID."
)
_NOTHING_OF_THEM = N_("There is nothing of this user in this range: choose a longer one.")
_NO_EXTENSION = N_("Events of the IDE extension fill this: it sends them to cortex-otel serve.")
_NO_SEARCHES = N_("events.search_context(…) fills this, as soon as a search is made.")
_NO_ERRORS = N_("No failures with these filters: nothing to do here.")

_USER_LINK = MappingProxyType({"user_id_hash": "users"})
_ERROR_LINKS = MappingProxyType(
    {"user_id_hash": "users", "trace_id": "trace", "error_type": "errors", "tool_name": "errors"}
)

_OVERVIEW = Page(
    id="overview",
    title=N_("Overview"),
    panels=(
        Panel(
            id="people", question="active_users", draw="cards",
            values=("dau", "wau", "mau", "stickiness"), empty=_NO_USERS, wide=True,
        ),
        Panel(
            id="totals", question="overview", draw="cards",
            values=("events", "error_rate", "avg_ms", "p95_ms", "p99_ms", "sessions"),
            empty=_NO_EVENTS, wide=True,
        ),
        Panel(id="dau", question="dau", draw="lines", x="day", values=("users",), empty=_NO_USERS),
        Panel(id="mau", question="mau", draw="lines", x="day", values=("users",), empty=_NO_USERS),
        Panel(
            id="hours", question="events_per_hour", draw="bars", x="time",
            values=("events", "errors"), since="24h", empty=_NO_EVENTS,
        ),
        Panel(
            id="error_rate", question="error_rate", draw="lines", x="time",
            values=("error_rate",), since="24h", empty=_NO_EVENTS,
        ),
        Panel(
            id="tiers", question="tiers", draw="pie", x="user_tier", values=("users",),
            empty=_NO_USERS,
        ),
        Panel(
            id="services", question="services", draw="pie", x="service", values=("events",),
            title=N_("Events by service"), empty=_NO_EVENTS,
        ),
        Panel(
            id="event_types", question="events_by_service", draw="table", wide=True,
            title=N_("Events by type"), links={"event_type": "errors"},
            empty=_NO_EVENTS,
        ),
    ),
)  # fmt: skip

_MCP = Page(
    id="mcp",
    title=N_("MCP"),
    panels=(
        Panel(
            id="summary", question="mcp_summary", draw="cards",
            values=("calls", "error_rate", "tools", "avg_ms", "p95_ms", "p99_ms", "savings_rate",
                    "accuracy"),
            empty=_NO_CALLS, wide=True,
        ),
        Panel(
            id="calls", question="tool_calls", draw="ranking", x="tool_name",
            values=("calls", "errors"), links={"tool_name": "errors"}, limit=15, empty=_NO_CALLS,
        ),
        Panel(
            id="pairs", question="tool_pairs", draw="matrix", x="tool_name", split="with_tool",
            values=("users",), empty=_NO_CALLS,
        ),
        Panel(
            id="tools", question="tool_calls", draw="table", wide=True,
            title=N_("Calls, errors and durations by tool"),
            values=("tool_name", "calls", "errors", "error_rate", "timeouts", "cancelled", "n",
                    "avg_ms", "p50_ms", "p95_ms", "p99_ms"),
            links={"tool_name": "errors"}, empty=_NO_CALLS,
        ),
        Panel(
            id="savings", question="token_savings", draw="lines", x="day",
            values=("savings_rate",), target=TARGETS["token_savings_rate"],
            empty=N_(
    "events.compress_context(…) fills this, with the tokens before and after."
),
        ),
        Panel(
            id="references", question="reference_accuracy", draw="lines", x="day",
            values=("accuracy",), target=TARGETS["reference_accuracy"],
            empty=N_(
    "events.reference_suggest(…) fills this, with what was suggested and accepted."
),
        ),
        Panel(
            id="search", question="search_performance", draw="cards",
            values=("searches", "error_rate", "avg_results", "recall", "p50_ms", "p95_ms",
                    "p99_ms"),
            empty=_NO_SEARCHES, wide=True,
        ),
        Panel(
            id="search_days", question="searches_per_day", draw="lines", x="day",
            values=("p50_ms", "p95_ms"), empty=_NO_SEARCHES,
        ),
        Panel(
            id="branches", question="branches", draw="pie", x="mode", values=("branches",),
            empty=N_("events.branch_create(…) fills this, whenever a branch is created."),
        ),
    ),
)  # fmt: skip

_EXTENSION = Page(
    id="extension",
    title=N_("Extension"),
    panels=(
        Panel(
            id="summary", question="extension_summary", draw="cards",
            values=("active_users", "installs", "activations", "interactions", "lines_inserted",
                    "error_rate", "sessions", "avg_session_ms"),
            empty=_NO_EXTENSION, wide=True,
        ),
        Panel(
            id="ides", question="ides", draw="pie", x="ide", values=("users",), empty=_NO_EXTENSION,
        ),
        Panel(
            id="interactions", question="ui_interactions", draw="ranking", x="interaction",
            values=("interactions", "users"), limit=10, empty=_NO_EXTENSION,
            title=N_("Top 10 interactions"),
        ),
        Panel(
            id="session_length", question="session_length", draw="lines", x="day",
            values=("avg_session_ms",), parameters={"of_service": "extension"}, empty=_NO_EXTENSION,
        ),
        Panel(
            id="installs", question="installs", draw="pie", x="state", values=("users",),
            empty=_NO_EXTENSION,
        ),
        Panel(
            id="inactive", question="inactive_users", draw="table", links=_USER_LINK, limit=200,
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
            links=_ERROR_LINKS, limit=50, empty=_NO_ERRORS, wide=True,
        ),
    ),
)  # fmt: skip

_USERS = Page(
    id="users",
    title=N_("Users"),
    filters=("service", "user_tier", "user", "event_type"),
    panels=(
        Panel(
            id="summary", question="user_summary", draw="cards",
            values=("active_users", "new_users", "sessions", "avg_session_ms",
                    "sessions_per_user", "error_users"),
            empty=_NO_USERS, wide=True,
        ),
        Panel(
            id="new_users", question="new_users", draw="bars", x="day", values=("new_users",),
            empty=_NO_USERS,
        ),
        Panel(
            id="tiers", question="tiers", draw="ranking", x="user_tier",
            values=("users", "events", "errors"), empty=_NO_USERS,
        ),
        Panel(
            id="users", question="users", draw="table", links=_USER_LINK, limit=50,
            empty=_NO_USERS, wide=True,
        ),
        Panel(
            id="events", question="events", draw="table",
            values=("time", "service", "event_type", "user_tier", "feature", "result",
                    "duration_ms", "user_id_hash", "trace_id"),
            links={"user_id_hash": "users", "trace_id": "trace"},
            limit=50, empty=_NO_EVENTS, wide=True,
        ),
    ),
)  # fmt: skip

_USER = Page(
    id="user",
    title=N_("User details"),
    filters=("service", "user_tier", "user", "event_type"),
    panels=(
        Panel(
            id="totals", question="user_totals", draw="cards",
            values=("events", "errors", "error_rate", "active_days", "tools", "sessions",
                    "avg_session_ms"),
            empty=_NOTHING_OF_THEM, wide=True,
        ),
        Panel(
            id="days", question="user_days", draw="bars", x="day", values=("events", "errors"),
            empty=_NOTHING_OF_THEM,
        ),
        Panel(
            id="tools", question="user_tools", draw="table",
            values=("event_type", "feature", "events", "errors", "avg_ms", "last_used"),
            limit=100, empty=_NOTHING_OF_THEM,
        ),
        Panel(
            id="timeline", question="events", draw="table", title=N_("Timeline"),
            values=("time", "service", "event_type", "user_tier", "feature", "result",
                    "duration_ms", "error_type", "message", "trace_id"),
            links={"trace_id": "trace"}, limit=50, empty=_NOTHING_OF_THEM, wide=True,
        ),
        Panel(
            id="sessions", question="sessions", draw="table",
            values=("start_time", "end_time", "service", "user_tier", "duration_ms", "events",
                    "errors", "ide", "os", "session_id"),
            limit=50, empty=_NOTHING_OF_THEM, wide=True,
        ),
    ),
)  # fmt: skip

_ERRORS = Page(
    id="errors",
    title=N_("Errors"),
    filters=("service", "user_tier", "event_type", "error_type", "tool", "user", "q"),
    panels=(
        Panel(
            id="summary", question="error_summary", draw="cards",
            values=("errors", "timeouts", "error_rate", "error_types", "last_error"),
            empty=_NO_ERRORS, wide=True,
        ),
        Panel(
            id="hours", question="errors_per_hour", draw="bars", x="time",
            values=("errors", "timeouts"), stacked=True, limit=10_000, empty=_NO_ERRORS, wide=True,
        ),
        Panel(
            id="types", question="error_types", draw="ranking", x="error_type", values=("errors",),
            links={"error_type": "errors"}, limit=15, empty=_NO_ERRORS,
        ),
        Panel(
            id="places", question="error_places", draw="table",
            links={"event_type": "errors", "tool_name": "errors"}, limit=50, empty=_NO_ERRORS,
        ),
        Panel(
            id="log", question="errors", draw="table",
            values=("time", "service", "event_type", "user_tier", "tool_name", "result",
                    "error_type", "message", "user_id_hash", "trace_id"),
            links=_ERROR_LINKS, limit=50, empty=_NO_ERRORS, wide=True,
        ),
    ),
)  # fmt: skip

PAGES: Mapping[str, Page] = MappingProxyType(
    {page.id: page for page in (_OVERVIEW, _MCP, _EXTENSION, _USERS, _USER, _ERRORS)}
)
"""By id, in the order of the navigation. The page of one user is reached from the others alone."""
