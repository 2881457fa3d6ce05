"""Parsing of time ranges as people write them, to Unix nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cortex_otel.locale import N_

__all__ = ["RangeError", "local_offset_minutes", "parse_moment", "parse_range"]

_NS_BY_UNIT = {
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3_600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 604_800 * 10**9,
}
_AGO = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smhdw])")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class RangeError(ValueError):
    """A moment or range that can't be understood.

    Args:
        message: what is wrong, and what can be understood, in English, marked with ``N_``.
        values: of the message.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(f"{message} {values}")
        self.message, self.values = message, values


def parse_moment(text: str, now_ns: int) -> int:
    """A moment as Unix nanoseconds, never before 1970.

    Args:
        text: an age (``90s``, ``30m``, ``24h``, ``7d``, ``2w``), ``now``, ``all`` (the beginning
            of time), or an ISO 8601 date or time, which is local unless it names its offset.
        now_ns: the time that ages count from.

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
    try:
        # Integers: a float of nanoseconds since 1970 is off by hundreds of them.
        since_epoch = datetime.fromisoformat(text).astimezone(UTC) - _EPOCH
    except (ValueError, OverflowError, OSError):
        raise RangeError(
            N_(
                "{value!r} isn't a valid time: use 30m, 24h, 7d, 2w, now, all or a date like "
                "2026-11-01"
            ),
            value=text,
        ) from None
    seconds = since_epoch.days * 86_400 + since_epoch.seconds
    return max(0, seconds * 10**9 + since_epoch.microseconds * 1000)


def parse_range(since: str, until: str | None, now_ns: int) -> tuple[int, int]:
    """Start (inclusive) and end (exclusive) as Unix nanoseconds.

    Raises:
        RangeError: one of them can't be understood, or the range is empty.
    """
    to_ns = now_ns if until is None else parse_moment(until, now_ns)
    from_ns = parse_moment(since, now_ns)
    if from_ns >= to_ns:
        raise RangeError(
            N_("the range from {since} to {until} is empty: --since must be before --until"),
            since=since,
            until=until or "now",
        )
    return from_ns, to_ns


def local_offset_minutes(at_ns: int) -> int:
    """The local UTC offset at a moment, in minutes."""
    offset = datetime.fromtimestamp(at_ns // 10**9, tz=UTC).astimezone().utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0
