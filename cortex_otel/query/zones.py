"""Time zones: local times with offsets, and when clocks change."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["UTC_ZONE", "Zone", "local_zone", "project_zone", "zone"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS = 10**9
_MAX_NAME_LENGTH = 64
#: Limit of the SQL, which computes with 64-bit nanoseconds.
_LAST_NS = 2**63 - 1
#: 2020-01-01: nothing was recorded before.
_FIRST_S = 1_577_836_800
#: The shortest time between two clock changes is a month: Ramadan in Morocco.
_STEP_S = 7 * 86_400
#: 2100-01-01: rules beyond are nobody's data.
_LAST_CHANGE_S = 4_102_444_800


class Zone:
    """A zone of the IANA database.

    Args:
        name: its name in the database.
        rules: the zone's rules.
    """

    def __init__(self, name: str, rules: ZoneInfo) -> None:
        self.name = name
        self._rules = rules

    def offset_minutes(self, at_ns: int) -> int:
        """Offset from UTC at a moment, in whole minutes."""
        offset = self._local(at_ns).utcoffset()
        return int(offset.total_seconds() // 60) if offset else 0

    def iso(self, at_ns: int) -> str:
        """ISO 8601 with milliseconds and the offset of that moment."""
        return self._local(at_ns).isoformat(timespec="milliseconds")

    def iso_micros(self, at_ns: int) -> str:
        """The same with microseconds, to order spans."""
        return self._local(at_ns).isoformat(timespec="microseconds")

    def moment(self, text: str) -> int:
        """An ISO 8601 date or time as Unix ns; local to this zone unless it names its offset.

        Raises:
            ValueError: it is invalid, or not between 1970 and 2262.
        """
        at_ns = self.instant(text)
        if not 0 <= at_ns <= _LAST_NS:
            raise ValueError(text)
        return at_ns

    def instant(self, text: str) -> int:
        """The same, however long ago.

        Raises:
            ValueError: it is invalid.
        """
        parsed = datetime.fromisoformat(text)
        return self._unix_ns(parsed if parsed.tzinfo else parsed.replace(tzinfo=self._rules))

    def day_of(self, at_ns: int) -> date:
        """The calendar day of a moment."""
        return self._local(at_ns).date()

    def start_of(self, day: date) -> int:
        """The first moment of a calendar day, Unix ns; midnight, unless clocks leave that out."""
        midnight_ns = (day - _EPOCH.date()).days * 86_400 * _NS
        return min(
            max(since, midnight_ns - offset)
            for since, until, offset in self.offsets()
            if midnight_ns - offset < until
        )

    def earlier(self, at_ns: int, days: int) -> int:
        """The moment ``days`` calendar days earlier at the same local time."""
        there = self._local(at_ns).replace(tzinfo=None) - timedelta(days=days)
        return self._unix_ns(there.replace(tzinfo=self._rules)) + at_ns % 1000

    def offsets(self) -> tuple[tuple[int, int, int], ...]:
        """Its offsets from UTC since 1970, as ``(since, until, offset)`` in nanoseconds.

        The first holds from the beginning of time, the last for ever (to the limits of SQL).
        """
        return _offsets(self.name, self._rules, 0, _LAST_CHANGE_S)

    def recent_offsets(self, now_ns: int) -> tuple[tuple[int, int, int], ...]:
        """Those of its offsets that data can have: from 2020 to two years from now.

        Each question looks a moment up among them, so they are few. The first of them holds from
        the beginning of time, the last for ever, whatever the rules say of such times.
        """
        last_s = (now_ns // _NS + 2 * 366 * 86_400) // _STEP_S * _STEP_S
        return _offsets(self.name, self._rules, _FIRST_S, last_s)

    @staticmethod
    def _unix_ns(moment: datetime) -> int:
        try:
            since = moment.astimezone(UTC) - _EPOCH
        except OverflowError:
            raise ValueError(moment.isoformat()) from None
        return (since.days * 86_400 + since.seconds) * _NS + since.microseconds * 1000

    def _local(self, at_ns: int) -> datetime:
        moment = _EPOCH + timedelta(microseconds=at_ns // 1000)
        try:
            return moment.astimezone(self._rules)
        except OverflowError:
            return moment


@lru_cache(maxsize=64)
def _offsets(
    _name: str, rules: ZoneInfo, first_s: int, last_s: int
) -> tuple[tuple[int, int, int], ...]:
    """See :meth:`Zone.offsets`. zoneinfo doesn't tell when clocks change: it is looked for."""

    def offset_at(second: int) -> int:
        # Not datetime.fromtimestamp(): Windows refuses what it takes for out of range.
        offset = (_EPOCH + timedelta(seconds=second)).astimezone(rules).utcoffset()
        return int(offset.total_seconds()) * _NS if offset is not None else 0

    found: list[tuple[int, int, int]] = []
    since, offset = -_LAST_NS, offset_at(first_s)
    for start in range(first_s, last_s, _STEP_S):
        last = offset_at(start + _STEP_S)
        if last == offset:
            continue
        # At most one change in a step: halve it until the second is found.
        before, after = start, start + _STEP_S
        while after - before > 1:
            middle = (before + after) // 2
            if offset_at(middle) == offset:
                before = middle
            else:
                after = middle
        found.append((since, after * _NS, offset))
        since, offset = after * _NS, last
    return (*found, (since, _LAST_NS, offset))


@lru_cache(maxsize=64)
def zone(name: str) -> Zone:
    """The zone called ``name``.

    Raises:
        ValueError: there is none.
    """
    if len(name) > _MAX_NAME_LENGTH or not name.isascii():
        raise ValueError(name)
    try:
        return Zone(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, OSError):  # OSError: a directory of zones
        raise ValueError(name) from None


def local_zone() -> Zone:
    """This machine's zone; UTC if its name can't be found."""
    configured = os.environ.get("TZ", "").lstrip(":")
    link = Path("/etc/localtime")
    try:
        target = link.resolve().as_posix() if link.is_symlink() else ""
    except OSError:
        target = ""
    for name in (configured, target.partition("zoneinfo/")[2], "UTC"):
        if not name:
            continue
        try:
            return zone(name)
        except ValueError:
            continue
    return Zone("UTC", ZoneInfo("UTC"))


def project_zone(name: str | None) -> Zone:
    """The zone that days and times are in: the setting ``time_zone``, else this machine's.

    Args:
        name: the setting, checked.
    """
    return zone(name) if name else local_zone()


UTC_ZONE = Zone("UTC", ZoneInfo("UTC"))
