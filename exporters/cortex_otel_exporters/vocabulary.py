"""The words that a store goes by.

Generated from telemetry/registry by ``make generate``: change it there.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FAILED_RESULTS", "LOG_RECORD_UID"]

#: Results that count as errors. A cancelled call is neither a success nor a failure.
FAILED_RESULTS: Final = frozenset({"error", "timeout"})
LOG_RECORD_UID: Final = "log.record.uid"
"""Stable id of a log record: what tells the same event sent twice from two alike."""
