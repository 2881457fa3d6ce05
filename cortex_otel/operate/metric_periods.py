"""Hours, days and weeks, between which metrics are written. Every moment is Unix ns."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cortex_otel.query.named_metrics import Period
    from cortex_otel.query.zones import Zone

__all__ = ["DAY_NS", "HOUR_NS", "Periods"]

HOUR_NS: Final = 3_600 * 10**9
DAY_NS: Final = 24 * HOUR_NS
_DAYS: Final = {"daily": 1, "weekly": 7}


class Periods:
    """Of a time zone: its calendar days, its weeks from Monday on, and whole hours of UTC.

    Args:
        zone: the time zone.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone

    def start(self, kind: Period, at_ns: int) -> int:
        """The start of the one that a moment is in."""
        if kind == "hourly":
            return at_ns // HOUR_NS * HOUR_NS
        return self.zone.start_of(self._first_day(kind, at_ns))

    def first(self, kind: Period, from_ns: int) -> int:
        """The start of the first one that begins at a moment or later."""
        start = self.start(kind, from_ns)
        return start if start >= from_ns else self.shifted(kind, start, 1)

    def shifted(self, kind: Period, start_ns: int, number: int) -> int:
        """The start of the one that is so many later, or earlier."""
        if kind == "hourly":
            return start_ns + number * HOUR_NS
        first = self._first_day(kind, start_ns)
        return self.zone.start_of(first + timedelta(number * _DAYS[kind]))

    def of(self, kind: Period, first_day: date) -> tuple[int, int]:
        """Start and end of the one that begins with a day."""
        after = first_day + timedelta(_DAYS[kind])
        return self.zone.start_of(first_day), self.zone.start_of(after)

    def _first_day(self, kind: Period, at_ns: int) -> date:
        day = self.zone.day_of(at_ns)
        return day - timedelta(day.weekday()) if kind == "weekly" else day
