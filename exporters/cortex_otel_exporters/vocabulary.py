"""The words that a store goes by.

Generated from telemetry/registry by ``make generate``: change it there.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "FAILED_RESULTS", "INACTIVE_EVENT_TYPES", "LOG_RECORD_UID",
    "RESULTS", "UNRATED_EVENT_TYPES",
]  # fmt: skip

RESULTS: Final = ("success", "error", "timeout", "cancelled")
#: Results that count as errors. A cancelled call is neither a success nor a failure.
FAILED_RESULTS: Final = frozenset({"error", "timeout"})
LOG_RECORD_UID: Final = "log.record.uid"
"""Stable id of a log record: what tells the same event sent twice from two alike."""

# What isn't declared, a host's own event types, makes its user active and counts in error rates.
INACTIVE_EVENT_TYPES: Final = frozenset(
    {"ext.install", "ext.error", "feature_flag.evaluation", "log", "span"}
)
"""Events that don't make their user an active one."""
UNRATED_EVENT_TYPES: Final = frozenset({"ext.install", "feature_flag.evaluation", "log", "span"})
"""Events that count in no error rate."""
