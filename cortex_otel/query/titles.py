"""Short titles of columns: what a heading, a card or a legend says.

A column of the same name is called the same on every page. What it means exactly differs from
question to question and is in the question's own header.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMN_TITLES"]

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
