"""What ``cortex-otel alerts test`` sends: an alert as it would be, and that it is a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cortex_otel.operate.alerts.messages import Message
from cortex_otel.operate.alerts.records import Notification
from cortex_otel.operate.alerts.states import Alert

if TYPE_CHECKING:
    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["sample"]

_MINUTES_NS: Final = 5 * 60 * 10**9


def sample(settings: Settings, zone: Zone, language: str, now_ns: int) -> Message:
    """The message; each argument is as :class:`.Message` takes it."""
    alert = Alert(
        rule="error_rate", subject="mcp", state="firing", since_ns=now_ns, fired_ns=now_ns,
        value=0.075, worst=0.075, threshold=0.05,
        detail={
            "from_ns": now_ns - _MINUTES_NS, "to_ns": now_ns, "events": 400, "errors": 30,
            "tool": "search_context", "tool_errors": 21,
            "error_type": "TimeoutError", "type_errors": 18,
        },
    )  # fmt: skip
    notification = Notification(key=0, state="firing", alert=alert, attempts=0)
    return Message([notification], settings, zone, language, now_ns, is_sample=True)
