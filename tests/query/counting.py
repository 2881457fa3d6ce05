"""The expected results of questions, computed in plain Python over the events themselves."""

from __future__ import annotations

import math

from sessionizer import sittings

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run


def ask(connection, name, **parameters):
    result = run(connection, catalogue()[name], parameters)
    return result.records()


def chosen(events, from_ns, to_ns, service="", user_tier=""):
    return [
        event
        for event in events
        if event.product
        and from_ns <= event.time < to_ns
        and service in {"", event.service}
        and user_tier in {"", event.tier}
    ]


def weight_of(events):
    return sum(event.weight for event in events)


def nearest_rank(events, percent):
    timed = sorted((event.duration, event.weight) for event in events if event.duration is not None)
    wanted, reached = sum(weight for _, weight in timed) * percent, 0
    for duration, weight in timed:
        reached += weight
        if reached * 100 >= wanted:
            return duration / 1e6
    return None


def assert_near(found, expected):
    if expected is None:
        assert found is None
    else:
        assert math.isclose(found, expected, rel_tol=0.045)


def ratio(part, whole):
    return part / whole if whole else None


def local_day(event, offset):
    return (event.time // 60_000_000_000 + offset) // 1440


def error_rate_of(events):
    rated = [event for event in events if event.rated]
    return ratio(weight_of(failed_of(rated)), weight_of(rated))


def failed_of(events):
    return [event for event in events if event.failed]


def users_of(events):
    """Users who were active: had an event that is use."""
    return {event.user for event in events if event.active} - {""}


def mean_ms(events):
    timed = [event for event in events if event.duration is not None]
    return ratio(sum(e.weight * e.duration / 1e6 for e in timed), weight_of(timed))


def widened(from_ns, to_ns, step):
    """The range as whole steps."""
    return from_ns // step * step, -(-to_ns // step) * step


def sittings_of(events, from_ns, to_ns, service="", user_tier=""):
    """Events of each session that overlaps the range, with its start, end and last tier."""
    found = []
    of_sessions = [event for event in events if event.session and event.product]
    for one in sittings(of_sessions, lambda e: e.session, lambda e: e.time, lambda e: e.duration):
        last = one.events[-1]
        if (
            one.end >= from_ns
            and one.start < to_ns
            and service in {"", last.service}
            and user_tier in {"", last.tier}
        ):
            found.append((one.session, one.start, one.end, one.events))
    return found
