"""What a job is: a name, when it is due, and the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.query.zones import Zone
    from cortex_otel.settings import Settings

__all__ = ["DAILY", "HOURLY", "Cadence", "Job", "JobError", "counted"]

_MINUTE_NS = 60 * 10**9
_HOUR_NS = 60 * _MINUTE_NS
_DAY_NS = 24 * _HOUR_NS
#: 1970-01-01 was a Thursday.
_FIRST_WEEKDAY = 3
_DAYS_A_WEEK = 7
_FOR_EVER = 1 << 80


@dataclass(frozen=True, slots=True)
class Cadence:
    """When a job is due, in the project's time zone.

    At ``minute`` past every hour; at ``hour``:``minute`` of every day; or on ``weekday`` (Monday is
    0) alone, at midnight if no hour is given. Where clocks skip that time of day, it is due when
    they have; where they show it twice, the first time. Each hour counts, also one that the clocks
    repeat.
    """

    minute: int = 0
    hour: int | None = None
    weekday: int | None = None

    @property
    def is_hourly(self) -> bool:
        """Whether it is due in every hour of every day."""
        return self.hour is None and self.weekday is None

    def next_after(self, at_ns: int, zone: Zone) -> int:
        """The first time it is due after a moment, both Unix ns."""
        if self.is_hourly:
            return self._next_hour(at_ns, zone)
        since = (self.hour or 0) * _HOUR_NS + self.minute * _MINUTE_NS
        today = (at_ns + _offset(at_ns, zone)) // _DAY_NS
        return next(
            due
            for day in range(today, today + _DAYS_A_WEEK + 2)
            if self.weekday in (None, (day + _FIRST_WEEKDAY) % _DAYS_A_WEEK)
            and (due := _first_moment(day * _DAY_NS + since, zone)) > at_ns
        )

    def _next_hour(self, at_ns: int, zone: Zone) -> int:
        minute_ns = self.minute * _MINUTE_NS

        def due_in(since: int, offset: int) -> int:
            # Clocks that have just been changed may show that minute at once.
            after = max(at_ns, since - 1) + offset - minute_ns
            return (after // _HOUR_NS + 1) * _HOUR_NS + minute_ns - offset

        return next(
            due
            for since, until, offset in _offsets(zone)
            if at_ns < until and (due := due_in(since, offset)) < until
        )


def _offsets(zone: Zone) -> tuple[tuple[int, int, int], ...]:
    """The zone's offsets, of which the last holds for ever, whatever a clock may show."""
    *most, (since, _until, offset) = zone.offsets()
    return (*most, (since, _FOR_EVER, offset))


def _offset(at_ns: int, zone: Zone) -> int:
    """The zone's offset from UTC at a moment, in nanoseconds."""
    return next(offset for _since, until, offset in _offsets(zone) if at_ns < until)


def _first_moment(local_ns: int, zone: Zone) -> int:
    """The first moment at which clocks show ``local_ns`` or, where they skip it, a later time."""
    return min(
        max(since, local_ns - offset)
        for since, until, offset in _offsets(zone)
        if local_ns - offset < until
    )


HOURLY: Final = Cadence()
DAILY: Final = Cadence(hour=0)


class JobError(Exception):
    """A job couldn't do its work; the message is one line for a person that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One kind of work, done again and again."""

    name: str
    """As typed, and as the key in the table ``jobs``."""
    title: str
    """For people, marked with ``N_``."""
    cadence: Cadence
    run: Callable[[Settings], str]
    """Does the work, and says in one English line what came of it: numbers, names, and phrases of
    :data:`cortex_otel.show.job_results.PHRASES`. Each call runs in a process of
    its own, which may be killed at any moment: it leaves a consistent store, and goes on where it
    was.

    Raises:
        JobError: and anything else; the job is tried again.
    """
    is_on: Callable[[Settings], bool] = lambda _: True
    """Whether the settings ask for it at all."""
    frees_space: bool = False
    """Whether it is run at once when the disk is full."""
    time_limit: float = 600
    """Seconds after which it is cut off."""
    runs_beside: bool = False
    """The others needn't wait for it: it only reads the database, and may take hours."""


def counted(count: int, one: str, many: str) -> str:
    """``count`` with what is counted, in English."""
    return f"{count} {one if count == 1 else many}"
