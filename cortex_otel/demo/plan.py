"""The calendar of the synthetic data: working days, slow days and the incident."""

from __future__ import annotations

from datetime import UTC, datetime

from cortex_otel.demo.user_sessions import NS_A_SECOND, Conditions

__all__ = ["BROKEN_TOOL", "Plan"]

#: The tool of the incident.
BROKEN_TOOL = "search_context"
_NS_A_MINUTE, _NS_A_DAY = 60 * NS_A_SECOND, 86_400 * NS_A_SECOND
_SATURDAY, _WEEKEND = 5, 0.22
_SEOUL_MINUTES = 540
_INCIDENT_DAYS_AGO, _SLOW_DAYS_AGO = 9, (17, 45)
_INCIDENT_MINUTES = (14 * 60, 15 * 60 + 40)  # of the day in Seoul
_SLOWER = 3.5


class Plan:
    """What each day is like.

    Args:
        days: how many there are.
        now_ns: time just after the last of them; Unix nanoseconds.
    """

    def __init__(self, days: int, now_ns: int) -> None:
        self.days, self.now_ns = days, now_ns
        self.begin_ns = (now_ns // _NS_A_DAY - (days - 1)) * _NS_A_DAY
        day = self._working_day(max(days - 1 - _INCIDENT_DAYS_AGO, 0))
        midnight = self.begin_ns + day * _NS_A_DAY - _SEOUL_MINUTES * _NS_A_MINUTE
        self.incident = (
            midnight + _INCIDENT_MINUTES[0] * _NS_A_MINUTE,
            midnight + _INCIDENT_MINUTES[1] * _NS_A_MINUTE,
        )
        self._slow = {self._working_day(days - 1 - ago) for ago in _SLOW_DAYS_AGO if ago < days - 1}
        self.slow_days = tuple(
            (self.begin_ns + day * _NS_A_DAY, self.begin_ns + (day + 1) * _NS_A_DAY)
            for day in sorted(self._slow)
        )

    def weekday(self, day: int) -> int:
        """0 is Monday."""
        return datetime.fromtimestamp(
            (self.begin_ns + day * _NS_A_DAY) // NS_A_SECOND, UTC
        ).weekday()

    def share(self, day: int) -> float:
        """A day's activity relative to a working day."""
        return 1.0 if self.weekday(day) < _SATURDAY else _WEEKEND

    def conditions(self, day: int, at_ns: int) -> Conditions:
        """The conditions at a time."""
        return Conditions(
            slower=_SLOWER if day in self._slow else 1.0,
            broken_tool=BROKEN_TOOL if self.incident[0] <= at_ns < self.incident[1] else "",
            savings=0.665 + 0.07 * day / max(self.days - 1, 1),
        )

    def _working_day(self, day: int) -> int:
        while day > 0 and self.weekday(day) >= _SATURDAY:
            day -= 1
        return day
