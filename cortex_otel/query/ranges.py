"""Parsing of time ranges as people write them, to Unix nanoseconds."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from cortex_otel.locale import N_

if TYPE_CHECKING:
    from datetime import date

    from cortex_otel.query.zones import Zone

__all__ = [
    "PERIODS",
    "RangeError",
    "parse_moment",
    "parse_range",
    "parse_span",
    "period",
    "span_text",
]

_NS_BY_UNIT = {
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3_600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 604_800 * 10**9,
}
_AGO = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smhdw])")
PERIODS = ("today", "yesterday", "this-week", "last-week", "this-month", "last-month")
"""What ``--since`` and ``since=`` take beside ages and dates."""


class RangeError(ValueError):
    """A moment or range that can't be understood.

    Args:
        message: what is wrong, and what can be understood, in English, marked with ``N_``.
        values: of the message.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(f"{message} {values}")
        self.message, self.values = message, values


def parse_moment(text: str, now_ns: int, zone: Zone) -> int:
    """A moment as Unix nanoseconds, never before 1970.

    Args:
        text: an age (``90s``, ``30m``, ``24h``, ``7d``, ``2w``), ``now``, ``all`` (the beginning
            of time), a period of the calendar (``today``, ``last-week``), which is its start, or an
            ISO 8601 date or time, local to ``zone`` unless it names its offset.
        now_ns: the time that ages count from.
        zone: whose days and weeks are meant; weeks begin on Monday.

    Raises:
        RangeError: it is none of these.
    """
    text = text.strip()
    if text == "now":
        return now_ns
    if text == "all":
        return 0
    if match := _AGO.fullmatch(text):
        return max(0, now_ns - int(match["number"]) * _NS_BY_UNIT[match["unit"]])
    if text in PERIODS:
        return period(text, now_ns, zone)[0]
    try:
        return max(0, zone.instant(text))
    except (ValueError, OverflowError):
        raise RangeError(
            N_(
                "{value!r} isn't a valid time: use 30m, 24h, 7d, 2w, now, all, today, last-week or "
                "a date like 2026-11-01"
            ),
            value=text,
        ) from None


def period(text: str, now_ns: int, zone: Zone) -> tuple[int, int]:
    """A period of the calendar, as start and end in Unix ns; one that isn't over ends now.

    Args:
        text: one of :data:`PERIODS`.
        now_ns: the time that it is.
        zone: whose days they are; weeks begin on Monday.
    """
    today = zone.day_of(now_ns)
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    days: dict[str, tuple[date, date | None]] = {
        "today": (today, None),
        "yesterday": (today - timedelta(days=1), today),
        "this-week": (monday, None),
        "last-week": (monday - timedelta(days=7), monday),
        "this-month": (first, None),
        "last-month": ((first - timedelta(days=1)).replace(day=1), first),
    }
    start, end = days[text]
    return zone.start_of(start), now_ns if end is None else zone.start_of(end)


def parse_span(text: str) -> int:
    """The seconds of a time span: ``90s``, ``30m``, ``24h``, ``7d``, ``2w``.

    Raises:
        RangeError: it is none.
    """
    if match := _AGO.fullmatch(text.strip()):
        return int(match["number"]) * _NS_BY_UNIT[match["unit"]] // 10**9
    raise RangeError(N_("{value!r} isn't a time span: use 30m, 24h, 7d or 2w"), value=text)


def span_text(seconds: int) -> str:
    """A time span as :func:`parse_span` takes it, in the largest unit that it is whole in."""
    for unit in "dhm":
        length = _NS_BY_UNIT[unit] // 10**9
        if seconds and not seconds % length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def parse_range(since: str, until: str | None, now_ns: int, zone: Zone) -> tuple[int, int]:
    """Start (inclusive) and end (exclusive) as Unix nanoseconds; no later than now.

    Days to come would be shown as days without events.

    Args:
        since: as :func:`parse_moment` takes it; a period of the calendar alone is that period.
        until: the same, now if not given; a period of the calendar is its end.
        now_ns: the time that ages count from.
        zone: whose days and weeks are meant.

    Raises:
        RangeError: one of them can't be understood, or the range is empty.
    """
    if until is None:
        to_ns = period(since, now_ns, zone)[1] if since in PERIODS else now_ns
    elif until in PERIODS:
        to_ns = period(until, now_ns, zone)[1]
    else:
        to_ns = parse_moment(until, now_ns, zone)
    to_ns = min(to_ns, now_ns)
    from_ns = parse_moment(since, now_ns, zone)
    if from_ns >= to_ns:
        raise RangeError(
            N_(
                "the range from {since} to {until} is empty: --since must be before --until, and "
                "not in the future"
            ),
            since=since,
            until=until or "now",
        )
    return from_ns, to_ns
