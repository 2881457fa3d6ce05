"""What people read in place of the values of closed lists.

Generated from telemetry/registry by ``make generate``: change it there.
"""

from __future__ import annotations

from typing import Final

from cortex_otel.locale import N_

__all__ = ["RESULTS", "TIERS"]

TIERS: Final = {
    "free": N_("Free"),
    "trial": N_("Trial"),
    "paid": N_("Paid"),
    "enterprise": N_("Enterprise"),
}
RESULTS: Final = {
    "success": N_("Success"),
    "error": N_("Error"),
    "timeout": N_("Timed out"),
    "cancelled": N_("Cancelled"),
}
