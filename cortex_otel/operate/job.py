"""What a job is: a name, when it is due, and the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cortex_otel.settings import Settings

__all__ = ["DAILY", "HOURLY", "Cadence", "Job", "JobError"]


@dataclass(frozen=True, slots=True)
class Cadence:
    """When a job is due, in the project's time zone.

    At ``minute`` past every hour; at ``hour``:``minute`` of every day; or on ``weekday`` (Monday is
    0) alone.
    """

    minute: int = 0
    hour: int | None = None
    weekday: int | None = None


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
    """Does the work, and says in one English line what came of it. Each call runs in a process of
    its own, which may be killed at any moment: it leaves a consistent store, and goes on where it
    was.

    Raises:
        JobError: and anything else; the job is tried again.
    """
    is_on: Callable[[Settings], bool] = lambda _: True
    """Whether the settings ask for it at all."""
    time_limit: float = 600
    """Seconds after which it is cut off."""
