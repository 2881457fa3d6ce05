"""Short titles of columns: what a heading, a card or a legend says.

A column of the same name is called the same on every page. What it means exactly differs from
question to question and is in the question's own header.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from cortex_otel.locale import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHOICE_TITLES", "COLUMN_TITLES", "PARAMETER_TITLES"]

COLUMN_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "Acceptance",
        "avg_ms": "Average",
        "avg_results": "Results per search",
        "avg_session_ms": "Average session",
        "code_inserts": "Code insertions",
        "cohort_users": "Cohort size",
        "conversion_rate": "Conversion",
        "converted_users": "Converted",
        "dau": "DAU",
        "duration_ms": "Duration",
        "eligible_users": "Eligible",
        "end_time": "End",
        "error_users": "Users with errors",
        "id": "ID",
        "ide": "IDE",
        "installs": "Installations",
        "mau": "MAU",
        "n": "n",
        "os": "OS",
        "p50_ms": "P50",
        "p95_ms": "P95",
        "p99_ms": "P99",
        "parent_span_id": "Parent span",
        "partial": "So far",
        "pending_users": "Pending",
        "rate_of_first": "Of first step",
        "rate_of_previous": "Of previous step",
        "savings_rate": "Token savings",
        "session_id": "Session",
        "silent_ms": "Silent for",
        "span_id": "Span",
        "start_time": "Start",
        "stickiness": "DAU / MAU",
        "timed": "n",
        "tool_name": "Tool",
        "trace_id": "Trace",
        "user_id_hash": "User",
        "user_share": "Share of users",
        "user_tier": "Tier",
        "wau": "WAU",
        "with_tool": "With",
    }
)
"""By the name of the column, where the title isn't the name itself: ``active_days`` needs none."""

PARAMETER_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "anchor": N_("Event"),
        "breakdown": N_("Broken down by"),
        "cohort_kind": N_("Who belongs to a cohort"),
        "direction": N_("Paths that"),
        "exclude": N_("Excluded"),
        "flag": N_("Flag"),
        "from_tier": N_("From tier"),
        "mode": N_("Counts as a return"),
        "order": N_("Order"),
        "period": N_("Periods"),
        "return_event": N_("Event of return"),
        "start": N_("First event"),
        "top": N_("Events shown"),
        "week_start": N_("Weeks begin on"),
        "window_days": N_("Within days"),
    }
)
"""Labels of controls, by the name of the parameter, where it isn't the name itself."""

CHOICE_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "": N_("All"),
        "any": N_("In any order"),
        "client": N_("Client"),
        "day": N_("Days"),
        "end": N_("end with the event"),
        "first": N_("Its first time ever"),
        "first_feature": N_("First feature"),
        "ide": N_("IDE"),
        "month": N_("Months"),
        "on": N_("In that period"),
        "on_or_after": N_("In that period or later"),
        "ordered": N_("In this order"),
        "recurring": N_("Every time"),
        "service": N_("Service"),
        "start": N_("start with the event"),
        "strict": N_("In this order, nothing between"),
        "tier": N_("Tier"),
        "variant": N_("Variant of a flag"),
        "week": N_("Weeks"),
    }
)
"""What people read in place of the values of closed lists of parameters."""
