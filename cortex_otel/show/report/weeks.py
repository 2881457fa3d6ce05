"""Weeks of ISO 8601, Monday to Sunday, in the project's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.query.ranges import RangeError

if TYPE_CHECKING:
    from cortex_otel.query.zones import Zone

__all__ = ["Week", "last_week", "parse_week", "week_of"]

_NAME = re.compile(r"([0-9]{4})-W([0-9]{2})")
#: Nothing was recorded before, and moments beyond 2100 are nobody's data.
_YEARS = range(2020, 2100)


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """One week, by its year and number in ISO 8601."""

    year: int
    number: int

    @property
    def name(self) -> str:
        """As ISO 8601 writes it: ``2026-W47``."""
        return f"{self.year:04}-W{self.number:02}"

    @property
    def monday(self) -> date:
        """Its first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def next_monday(self) -> date:
        """The first day after it."""
        return self.monday + timedelta(days=7)

    def start(self, zone: Zone, weeks: int = 0) -> int:
        """Its first moment, Unix ns.

        Args:
            zone: whose days they are.
            weeks: of the week so many weeks later.
        """
        return zone.start_of(self.monday + timedelta(weeks=weeks))

    def end(self, zone: Zone) -> int:
        """The first moment after it, Unix ns."""
        return zone.start_of(self.next_monday)


def parse_week(text: str) -> Week:
    """The week that is written so: ``2026-W47``.

    Raises:
        RangeError: it is none.
    """
    found = _NAME.fullmatch(text.strip().upper())
    year, number = (int(found[1]), int(found[2])) if found else (0, 0)
    # The 28th of December is in the last week of its year.
    if year in _YEARS and 1 <= number <= date(year, 12, 28).isocalendar().week:
        return Week(year, number)
    raise RangeError(N_("{value!r} isn't a week: write it like 2026-W47"), value=text[:64])


def week_of(day: date) -> Week:
    """The week that a day is in."""
    year, number, _ = day.isocalendar()
    return Week(year, number)


def last_week(now_ns: int, zone: Zone) -> Week:
    """The last week that is over."""
    return week_of(zone.day_of(now_ns) - timedelta(days=7))
