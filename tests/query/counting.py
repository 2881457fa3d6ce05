"""The expected results of questions, computed in plain Python over the events themselves."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from seeding import bucket_of
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
        # In the same bucket of the histogram.
        assert bucket_of(round(found * 1e6 - 0.5)) <= bucket_of(round(expected * 1e6))
        assert bucket_of(round(found * 1e6 + 0.5)) >= bucket_of(round(expected * 1e6))


def ratio(part, whole):
    return part / whole if whole else None


@cache
def day_of(time, time_zone):
    """The calendar day there, in days since 1970."""
    moment = datetime.fromtimestamp(time // 10**9, ZoneInfo(time_zone))
    return moment.toordinal() - date(1970, 1, 1).toordinal()


@cache
def start_of(day, time_zone):
    """The first moment whose calendar day there is ``day`` or later, in ns."""
    before, after = (day - 2) * 86_400, (day + 2) * 86_400
    while after - before > 1:
        middle = (before + after) // 2
        if day_of(middle * 10**9, time_zone) < day:
            before = middle
        else:
            after = middle
    return after * 10**9


def local_day(event, time_zone):
    return day_of(event.time, time_zone)


def is_over(day, to_ns, time_zone):
    return start_of(day + 1, time_zone) <= to_ns


def is_partial(day, from_ns, to_ns, time_zone):
    """Whether a range has only a part of a day."""
    return int(start_of(day, time_zone) < from_ns or not is_over(day, to_ns, time_zone))


def rated_of(events):
    """Those that count in error rates."""
    return [event for event in events if event.rated]


def error_rate_of(events):
    rated = rated_of(events)
    return ratio(weight_of(failed_of(rated)), weight_of(rated))


def failed_of(events):
    return [event for event in events if event.failed]


def users_of(events):
    """Users who were active: had an event that is use."""
    return {event.user for event in events if event.active} - {""}


def mean_ms(events):
    timed = [event for event in events if event.duration is not None]
    return ratio(sum(e.weight * e.duration / 1e6 for e in timed), weight_of(timed))


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
