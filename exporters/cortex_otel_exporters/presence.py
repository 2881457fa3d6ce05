"""What is kept of an event that sampling leaves out: that somebody was there, using what, when.

Counts and rates stay right by the weights of the events that are kept. What is counted once
however often it happens doesn't: a user whose events were all left out would be missing on that
day. So each leaves its presence, and those of a user, a feature, a session and a half hour become
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel_exporters.record import OTHER_EVENT_TYPES

if TYPE_CHECKING:
    from cortex_otel_exporters.record import Record, Series, Session

__all__ = ["HALF_HOUR_NS", "MAX_SESSION_NS", "Presence", "Presences"]

HALF_HOUR_NS: Final = 1_800 * 10**9
"""What users and sessions are kept by: within one there is no pause that would end a session."""
MAX_SESSION_NS: Final = 86_400 * 10**9
"""No session is longer. A call that takes longer than this tells of a clock that was set."""


class Presence(NamedTuple):
    """Product events of one kind, user, session and half hour that were sampled out."""

    series: Series
    session: Session
    user_id_hash: str
    first_unix_nano: int
    """When the first of them began; Unix nanoseconds."""
    last_unix_nano: int
    """When the last of them began."""
    end_unix_nano: int
    """When the last to end did."""


class Presences:
    """Those that wait to be stored; bounded, for one thread at a time.

    Args:
        most: different ones held.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[tuple[Series, Session, str, int], list[int]] = {}

    def __len__(self) -> int:
        return len(self._times)

    def add(self, record: Record) -> bool:
        """Keep the presence of ``record``; ``False`` if there is no room."""
        at, duration, series, _, session, user = record[:6]
        if series.event_type in OTHER_EVENT_TYPES:
            return True  # of other instrumentations: nobody's use of the product
        end = at + duration if duration is not None and duration <= MAX_SESSION_NS else at
        key = (series, session, user, at // HALF_HOUR_NS)
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= self._most:
                return False
            self._times[key] = [at, at, end]
            return True
        if at < times[0]:
            times[0] = at
        elif at > times[1]:
            times[1] = at
        if end > times[2]:  # noqa: PLR1730 - a call of max() takes four times as long
            times[2] = end
        return True

    def take(self) -> list[Presence]:
        """All of them; none are left."""
        taken = [
            Presence(series, session, user, *times)
            for (series, session, user, _), times in self._times.items()
        ]
        self._times = {}
        return taken
