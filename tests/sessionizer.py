"""What a session is, in plain Python over plain events: what the store is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

HALF_HOUR = 1_800_000_000_000
DAY = 48 * HALF_HOUR


@dataclass(slots=True)
class Sitting:
    session: object
    start: int
    end: int
    events: list = field(default_factory=list)


def sittings(events, session, time, duration):
    """The sessions of ``events``, by functions that tell of one its client's session and times.

    Half an hour without an event ends one; so do 48 half hours of the clock, its first included.
    """
    by_session = {}
    for event in events:
        by_session.setdefault(session(event), []).append(event)
    found = []
    for key, of in by_session.items():
        now = None
        for event in sorted(of, key=time):
            at = time(event)
            lasts = duration(event) or 0
            end = at + (lasts if lasts <= DAY else 0)
            if (
                now is None
                or at - now.end > HALF_HOUR
                or at // HALF_HOUR - now.start // HALF_HOUR >= DAY // HALF_HOUR
            ):
                now = Sitting(key, at, end)
                found.append(now)
            now.end = max(now.end, end)
            now.events.append(event)
    for one in found:
        one.end = min(one.end, one.start + DAY)
    return found
