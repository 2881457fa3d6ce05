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
        "adjusted_p": "p, corrected",
        "avg_ms": "Average",
        "avg_results": "Results per search",
        "avg_session_ms": "Average session",
        "checks": "Checked searches",
        "chi_square": "Chi-square",
        "code_inserts": "Code insertions",
        "bar": "Time taken",
        "cohort_users": "Cohort size",
        "conversion_rate": "Conversion",
        "converted_users": "Converted",
        "dau": "DAU",
        "difference_high": "Difference, high",
        "difference_low": "Difference, low",
        "dormant_users": "Dormant",
        "duration_ms": "Duration",
        "eligible_users": "Eligible",
        "end_time": "End",
        "error_users": "Users with errors",
        "expected_users": "Expected",
        "fetched_again_rate": "Fetched again, share",
        "id": "ID",
        "idle_users": "Never active",
        "fired": "Since",
        "ide": "IDE",
        "installs": "Installations",
        "job_detail": "Result",
        "is_mismatch": "Mismatch",
        "left_users": "Left",
        "longest_gap_days": "Longest gap, days",
        "mau": "MAU",
        "median_ms": "Median time",
        "n": "n",
        "net_savings_rate": "Net savings",
        "os": "OS",
        "p50_ms": "P50",
        "p95_ms": "P95",
        "p95_before_ms": "P95, week before",
        "p99_ms": "P99",
        "p_value": "p",
        "parent_span_id": "Parent span",
        "partial": "So far",
        "period_name": "Period",
        "pending_users": "Pending",
        "planned_users": "Planned per arm",
        "rated": "In error rates",
        "rate_of_first": "Of first step",
        "rate_of_previous": "Of previous step",
        "rate_with": "Rate with it",
        "rate_without": "Rate without it",
        "reliability_conversion.difference": "Difference, adjusted",
        "reliability_conversion.difference_high": "Adjusted diff., high",
        "reliability_conversion.difference_low": "Adjusted diff., low",
        "reliability_conversion.rate_with": "Rate with it, raw",
        "reliability_conversion.rate_without": "Rate without it, raw",
        "reliability_conversion.risk_ratio": "Risk ratio, adjusted",
        "resurrected_users": "Resurrected",
        "retained_with": "Retained with it",
        "retained_without": "Retained without it",
        "retention_difference": "Difference",
        "retention_difference_high": "Difference, high",
        "retention_difference_low": "Difference, low",
        "retention_high": "Retention, high",
        "retention_low": "Retention, low",
        "returning_users": "Returning",
        "rule": "What is wrong",
        "run_ms": "It took",
        "savings_rate": "Token savings",
        "session_id": "Session",
        "share_of_active": "Share of active users",
        "shown_threshold": "Threshold",
        "shown_value": "Value",
        "silent_ms": "Silent for",
        "span_id": "Span",
        "subject": "Of",
        "delivery": "Notified",
        "start_time": "Start",
        "stickiness": "DAU / MAU, range mean",
        "timed": "n",
        "tokens_saved_net": "Tokens saved, net",
        "tool_name": "Tool",
        "trace_id": "Trace",
        "two_arm_users": "In two arms",
        "user_id_hash": "User",
        "user_share": "Share of users",
        "user_tier": "Tier",
        "users_with": "Users with it",
        "users_without": "Users without it",
        "watched_users": "Watched long enough",
        "wau": "WAU",
        "with_tool": "With",
    }
)
"""By the name of the column, or ``question.column`` where one question calls it otherwise; none
where the title is the name itself: ``active_days``."""

PARAMETER_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "after_step": N_("After step"),
        "anchor": N_("Event"),
        "breakdown": N_("Broken down by"),
        "cohort_kind": N_("Who belongs to a cohort"),
        "control": N_("Control variant"),
        "depth": N_("Steps shown"),
        "direction": N_("Paths that"),
        "exclude": N_("Excluded"),
        "feature": N_("Feature"),
        "first_days": N_("First days"),
        "flag": N_("Flag"),
        "from_tier": N_("From tier"),
        "feature_limit": N_("Features shown"),
        "inactive_days": N_("Inactive for days"),
        "left_days": N_("Left: silent for days"),
        "min_met": N_("Met by users at least"),
        "min_users": N_("Users at least"),
        "mode": N_("Counts as a return"),
        "order": N_("Order"),
        "period": N_("Periods"),
        "planned_from": N_("Planned: from a rate of"),
        "planned_to": N_("Planned: to a rate of"),
        "q": N_("Search"),
        "reference_days": N_("Days looked at"),
        "return_event": N_("Event of return"),
        "return_from_days": N_("Return from day"),
        "return_to_days": N_("Return before day"),
        "slow_ms": N_("Slow from ms"),
        "start": N_("First event"),
        "top": N_("Shown at most"),
        "week_start": N_("Weeks begin on"),
        "weights": N_("Weights of arms"),
        "window_days": N_("Within days"),
        "within_minutes": N_("Within minutes"),
    }
)
"""Labels of controls, by the name of the parameter, where it isn't the name itself."""

CHOICE_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "": N_("All"),
        "breakdown=": N_("Not broken down"),
        "from_tier=": N_("Free or trial"),
        "any": N_("In any order"),
        "client": N_("Client"),
        "daily": N_("Days"),
        "day": N_("Days"),
        "end": N_("end with the event"),
        "first": N_("Its first time ever"),
        "first_feature": N_("First feature"),
        "first_week_feature": N_("Features of the first week"),
        "hourly": N_("Hours"),
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
        "weekly": N_("Weeks"),
    }
)
"""What people read in place of the values of closed lists of parameters: by the value, or by
``parameter=value`` where the same value means another thing elsewhere."""
