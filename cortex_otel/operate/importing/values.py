"""What older logs write for times, results, tiers, levels and services, in our words.

A word that isn't here has no meaning: its line is refused, or its value left out; each is counted.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry._logs import SeverityNumber

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LEVELS", "RESULTS", "TIERS", "Moment", "RefusedLine", "flag", "moment", "number", "plain_key",
    "text_of", "word_of",
]  # fmt: skip


class RefusedLine(ValueError):  # noqa: N818 - an outcome, and no error of ours
    """A line that isn't imported.

    Args:
        reason: a word of :data:`cortex_otel.operate.importing.report.REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


#: By the word in lower case.
TIERS: Final[Mapping[str, str]] = {
    **{tier: tier for tier in sc.TIERS},
    "1": "free", "2": "paid", "3": "enterprise",  # Cortex's licence manager
    "tier_1": "free", "tier_2": "paid", "tier_3": "enterprise",
    "tier1": "free", "tier2": "paid", "tier3": "enterprise",
}  # fmt: skip
RESULTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("success", "succeeded", "successful", "ok", "pass", "passed", "completed", "true"),
        "success",
    ),
    **dict.fromkeys(
        ("error", "fail", "failed", "failure", "exception", "errored", "false"), "error"
    ),
    **dict.fromkeys(("timeout", "timed_out", "timedout", "time_out"), "timeout"),
    **dict.fromkeys(("cancelled", "canceled", "aborted"), "cancelled"),
}
LEVELS: Final[Mapping[str, SeverityNumber]] = {
    **dict.fromkeys(("trace", "debug", "10"), SeverityNumber.DEBUG),
    **dict.fromkeys(("info", "information", "notice", "20"), SeverityNumber.INFO),
    **dict.fromkeys(("warn", "warning", "30"), SeverityNumber.WARN),
    **dict.fromkeys(("error", "err", "40"), SeverityNumber.ERROR),
    **dict.fromkeys(("critical", "fatal", "50"), SeverityNumber.FATAL),
}
_FLAGS: Final[Mapping[object, bool]] = {
    "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False,
}  # fmt: skip

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_US: Final = dt.timedelta(microseconds=1)
_NS_A_SECOND: Final = 10**9
# Earlier is a clock that was never set; the ranges of seconds, ms, µs and ns don't overlap.
_FIRST_S, _LAST_S = 946_684_800, 4_102_444_800  # 2000-01-01, 2100-01-01
_DAY_NS: Final = 86_400 * _NS_A_SECOND
_UNITS: Final = (_NS_A_SECOND, 1_000_000, 1000, 1)
#: Nanoseconds have three digits more than Python reads.
_LONG_FRACTION: Final = re.compile(r"([.,]\d{6})(\d{1,3})\d*")
_FRACTION: Final = re.compile(r"[.,](\d+)")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_MAX_LENGTH: Final = 64
_NOT_WORD: Final = re.compile(r"[^a-z0-9]+")


class Moment(NamedTuple):
    """A time as it was written."""

    unix_ns: int
    resolution_ns: int
    """How exactly it was written: a millisecond, say."""
    is_local: bool
    """It had no zone."""


def moment(value: object, zone: dt.tzinfo) -> Moment:
    """The time that ``value`` says.

    Args:
        value: ISO 8601, or Unix seconds, ms, µs or ns as a number or text.
        zone: of a time that names none.

    Raises:
        RefusedLine: it says none, or one that no record can have.
    """
    found = _iso(value, zone) if isinstance(value, str) else None
    if found is None:
        found = _epoch(value)
    if found.unix_ns < _FIRST_S * _NS_A_SECOND:
        raise RefusedLine("too_old")
    if found.unix_ns > time.time_ns() + _DAY_NS:
        raise RefusedLine("in_the_future")
    return found


def _iso(text: str, zone: dt.tzinfo) -> Moment | None:
    text = text.strip()
    if not text or len(text) > _MAX_LENGTH:
        raise RefusedLine("no_time")
    if text.isdigit() or _NUMBER.fullmatch(text):
        return None
    rest = 0
    if long := _LONG_FRACTION.search(text):
        rest = int(long[2].ljust(3, "0"))
        text = text[: long.end(1)] + text[long.end() :]
    try:
        read = dt.datetime.fromisoformat(text.replace("/", "-") if "/" in text else text)
        is_local = read.tzinfo is None
        since = (read.replace(tzinfo=zone) if is_local else read) - _EPOCH
    except (ValueError, OverflowError):
        raise RefusedLine("unreadable_time") from None
    digits = _FRACTION.search(text)
    size = 9 if long else min(9, len(digits[1])) if digits else 0
    return Moment(since // _US * 1000 + rest, 10 ** (9 - size), is_local)


def _epoch(value: object) -> Moment:
    read = number(value)
    if read is None:
        raise RefusedLine("no_time" if value is None else "unreadable_time")
    for unit in _UNITS:
        if _FIRST_S * _NS_A_SECOND <= read * unit < _LAST_S * _NS_A_SECOND:
            if isinstance(read, int):
                return Moment(read * unit, unit, is_local=False)
            # A double has some 15 digits: seconds are exact to the microsecond.
            whole = math.floor(read)
            fraction = round((read - whole) * unit / 1000) * 1000 if unit > 1000 else 0  # noqa: PLR2004 - a µs
            return Moment(whole * unit + fraction, min(unit, 1000), is_local=False)
    raise RefusedLine("too_old" if read < _FIRST_S else "unreadable_time")


def number(value: object) -> int | float | None:
    """A finite number, also as text; ``None`` if it is none. A boolean isn't."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _MAX_LENGTH or not _NUMBER.fullmatch(value):
            return None
        value = int(value) if value.lstrip("+-").isdigit() else float(value)
    if isinstance(value, int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def flag(value: object) -> bool | None:
    """A boolean, also as text or 0 and 1; ``None`` if it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (str, int)):
        return _FLAGS.get(str(value)[:_MAX_LENGTH].strip().lower())
    return None


def plain_key(key: str) -> str:
    """A key without case and separators: ``tool_name``, ``toolName`` and ``Tool-Name`` are one."""
    return _NOT_WORD.sub("", key.lower())


def word_of(value: object) -> str:
    """A word to be looked up; ``""`` if it is none."""
    return str(value)[:_MAX_LENGTH].strip().lower() if isinstance(value, (str, int)) else ""


def text_of(value: object) -> str | None:
    """Text, or a whole number as text; ``None`` if it is neither, or empty."""
    if isinstance(value, str):
        return value or None
    return str(value) if type(value) is int else None
