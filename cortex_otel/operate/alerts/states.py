"""The life of an alert: pending → firing → resolved, as a pure function of what is seen."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TIMES", "Alert", "Level", "Observation", "Times", "advance"]


class Level(enum.Enum):
    """Where a value is: between both thresholds an alert stays what it is."""

    CLEAR = "clear"
    BETWEEN = "between"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True)
class Times:
    """How long a level must last, in seconds."""

    pending: float
    """Above, before it fires."""
    clear: float
    """Below, before it is resolved."""


#: By rule. What fires within ten seconds has at most four here: a commit, an evaluation, grouping
#: and the way to Slack take the rest.
TIMES: Final[Mapping[str, Times]] = MappingProxyType(
    {
        "error_rate": Times(pending=1.5, clear=30),
        "response_time": Times(pending=1.5, clear=30),
        "service_down": Times(pending=3, clear=1),  # clients start a server that died again at once
        "store": Times(pending=3, clear=10),
        "job": Times(pending=0, clear=0),
        "disk": Times(pending=3, clear=30),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is seen of one rule and subject."""

    rule: str
    subject: str
    level: Level
    value: float | None = None
    """A rate, milliseconds, failures, MB free; ``None`` if there is none."""
    threshold: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    """The range in Unix ns, and counts in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert; a row of the table ``alerts``, whose columns are described there."""

    rule: str
    subject: str
    state: str = "pending"
    since_ns: int
    fired_ns: int | None = None
    resolved_ns: int | None = None
    value: float | None = None
    worst: float | None = None
    threshold: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    key: int | None = None
    """``None``: not in the table yet."""
    since: float = 0.0
    """When its present level began, by the monotonic clock, which no change of the time moves."""
    is_clear: bool = False
    """It is firing, and has been below for a while."""

    @property
    def id(self) -> str:
        """The same for whoever hears of it twice."""
        return f"{self.rule}/{self.subject}/{self.since_ns}"


def advance(alert: Alert | None, seen: Observation, now_ns: int, now: float) -> Alert | None:
    """What ``alert`` becomes when this is seen.

    Args:
        alert: open, or ``None`` if there is none of this rule and subject.
        seen: of the same rule and subject.
        now_ns: the time that it is, Unix ns.
        now: the same by the monotonic clock, in seconds.

    Returns:
        The alert as it was, or changed; ``None`` if there is none: a pending one that didn't last
        is forgotten.
    """
    if alert is None:
        return _begun(seen, now_ns, now) if seen.level is Level.BREACHED else None
    if alert.state == "pending":
        return _after_pending(alert, seen, now_ns, now)
    if seen.level is Level.CLEAR:
        return _cleared(alert, seen, now_ns, now)
    worst = _worse(seen, alert) if seen.level is Level.BREACHED else alert.worst
    if worst == alert.worst and not alert.is_clear:
        return alert
    return replace(alert, worst=worst, is_clear=False)


def _begun(seen: Observation, now_ns: int, now: float) -> Alert:
    return Alert(
        rule=seen.rule,
        subject=seen.subject,
        since_ns=now_ns,
        since=now,
        value=seen.value,
        worst=seen.value,
        threshold=seen.threshold,
        detail=seen.detail,
    )


def _after_pending(alert: Alert, seen: Observation, now_ns: int, now: float) -> Alert | None:
    if seen.level is not Level.BREACHED:
        return None
    if now - alert.since < TIMES[seen.rule].pending:
        return alert
    return replace(
        alert,
        state="firing",
        fired_ns=now_ns,
        value=seen.value,
        worst=seen.value,
        threshold=seen.threshold,
        detail=seen.detail,
        since=now,
    )


def _cleared(alert: Alert, seen: Observation, now_ns: int, now: float) -> Alert:
    if not alert.is_clear:
        alert = replace(alert, is_clear=True, since=now)
    if now - alert.since < TIMES[seen.rule].clear:
        return alert
    end = {"value": seen.value, **({"why": seen.detail["why"]} if "why" in seen.detail else {})}
    return replace(
        alert, state="resolved", resolved_ns=now_ns, detail={**alert.detail, "resolved": end}
    )


def _worse(seen: Observation, alert: Alert) -> float | None:
    if seen.value is None or alert.worst is None:
        return alert.worst if seen.value is None else seen.value
    return (min if seen.rule == "disk" else max)(seen.value, alert.worst)
