"""The page "mcp": the MCP server's tools."""

from __future__ import annotations

from cortex_otel.locale import N_
from cortex_otel.semconv import TARGETS
from cortex_otel.show.pages.declaration import Page, Panel
from cortex_otel.show.pages.shared import NO_CALLS, NO_SEARCHES

__all__ = ["PAGE"]

PAGE = Page(
    id="mcp",
    title=N_("MCP"),
    panels=(
        Panel(
            id="summary", question="mcp_summary", draw="cards",
            values=("calls", "error_rate", "tools", "avg_ms", "p95_ms", "p99_ms", "savings_rate",
                    "accuracy"),
            empty=NO_CALLS, wide=True,
        ),
        Panel(
            id="calls", question="tool_calls", draw="ranking", x="tool_name",
            values=("calls", "errors"), links={"tool_name": "errors"}, limit=15, empty=NO_CALLS,
        ),
        Panel(
            id="pairs", question="tools_together", draw="matrix", x="tool_name",
            split="with_tool", values=("lift",), empty=NO_CALLS,
        ),
        Panel(
            id="tools", question="tool_calls", draw="table", wide=True,
            title=N_("Calls, errors and durations by tool"),
            values=("tool_name", "calls", "errors", "error_rate", "timeouts", "cancelled", "n",
                    "avg_ms", "p50_ms", "p95_ms", "p99_ms"),
            links={"tool_name": "errors"}, empty=NO_CALLS,
        ),
        Panel(
            id="savings", question="token_savings", draw="lines", x="day",
            values=("savings_rate",), target=TARGETS["token_savings_rate"],
            empty=N_(
    "events.compress_context(…) fills this, with the tokens before and after."
),
        ),
        Panel(
            id="net_savings", question="net_savings", draw="lines", x="day",
            values=("savings_rate", "net_savings_rate"),
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
            empty=NO_SEARCHES, wide=True,
        ),
        Panel(
            id="search_days", question="searches_per_day", draw="lines", x="day",
            values=("p50_ms", "p95_ms"), empty=NO_SEARCHES,
        ),
        Panel(
            id="recall", question="recall_per_day", draw="lines", x="day", values=("recall",),
            empty=N_("events.search_context(…, recall=…) fills this, where a check ran."),
        ),
        Panel(
            id="branches", question="branches", draw="pie", x="mode", values=("branches",),
            empty=N_("events.branch_create(…) fills this, whenever a branch is created."),
        ),
    ),
)  # fmt: skip
