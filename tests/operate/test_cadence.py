from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cortex_otel.operate.job import DAILY, HOURLY, Cadence
from cortex_otel.query.zones import zone

NS = 10**9
HALF_PAST_TWO = Cadence(minute=30, hour=2)
MONDAY_AT_EIGHT = Cadence(hour=8, weekday=0)


def due(cadence, since, count, name):
    """The next ``count`` times after a local time, as local times with offsets."""
    there = zone(name)
    at_ns, found = there.instant(since), []
    for _ in range(count):
        at_ns = cadence.next_after(at_ns, there)
        shown = there.iso(at_ns)
        assert shown[19:23] == ".000"
        found.append(shown[:16] + shown[23:])
    return found


def test_a_time_of_day_that_clocks_skip_is_the_moment_after():
    assert due(HALF_PAST_TWO, "2026-03-28T01:00", 3, "Europe/Berlin") == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:30+02:00",
    ]
    # Where clocks are set forward at midnight.
    assert due(DAILY, "2018-11-02T12:00", 3, "America/Sao_Paulo") == [
        "2018-11-03T00:00-03:00",
        "2018-11-04T01:00-02:00",
        "2018-11-05T00:00-02:00",
    ]
    # Where a whole day was left out.
    assert due(DAILY, "2011-12-28T12:00", 3, "Pacific/Apia") == [
        "2011-12-29T00:00-10:00",
        "2011-12-31T00:00+14:00",
        "2012-01-01T00:00+14:00",
    ]


def test_a_time_of_day_that_clocks_show_twice_counts_once():
    assert due(HALF_PAST_TWO, "2026-10-24T12:00", 2, "Europe/Berlin") == [
        "2026-10-25T02:30+02:00",
        "2026-10-26T02:30+01:00",
    ]
    assert due(DAILY, "2026-10-31T12:00", 2, "America/Havana") == [
        "2026-11-01T00:00-04:00",
        "2026-11-02T00:00-05:00",
    ]


def test_every_hour_counts_also_one_that_is_repeated():
    assert due(HOURLY, "2026-10-25T01:30", 3, "Europe/Berlin") == [
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T03:00+01:00",
    ]
    assert due(HOURLY, "2026-03-29T01:30", 2, "Europe/Berlin") == [
        "2026-03-29T03:00+02:00",
        "2026-03-29T04:00+02:00",
    ]


def test_hours_and_days_are_those_of_the_zone():
    assert due(Cadence(minute=15), "2026-11-28T10:15", 2, "Asia/Kathmandu") == [
        "2026-11-28T11:15+05:45",
        "2026-11-28T12:15+05:45",
    ]
    assert due(MONDAY_AT_EIGHT, "2026-11-28T12:00", 2, "Asia/Seoul") == [
        "2026-11-30T08:00+09:00",
        "2026-12-07T08:00+09:00",
    ]
    assert due(Cadence(weekday=6), "2026-11-28T12:00", 1, "UTC") == ["2026-11-29T00:00+00:00"]
    assert due(MONDAY_AT_EIGHT, "2026-11-30T08:00", 1, "UTC") == ["2026-12-07T08:00+00:00"]


@pytest.mark.parametrize("cadence", [HOURLY, DAILY, HALF_PAST_TWO, MONDAY_AT_EIGHT])
@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_the_next_time_is_what_a_walk_over_the_minutes_finds(cadence, name):
    there, rules = zone(name), ZoneInfo(name)
    random_ = random.Random(f"{cadence}{name}")
    # Around the clock changes of a year, and anywhere.
    changes = [since // NS for since, _, _ in there.recent_offsets(1_780_000_000 * NS)[1:]][-4:]
    for base in [*changes, random_.randrange(1_600_000_000, 1_900_000_000)]:
        at = base + random_.randrange(-90_000, 90_000)
        found = cadence.next_after(at * NS, there) // NS
        assert found > at
        assert found == walked(cadence, at, rules)


def walked(cadence, at, rules):
    moment = datetime.fromtimestamp(at - at % 60, UTC)
    while True:
        before, moment = moment, moment + timedelta(minutes=1)
        if moment.timestamp() > at and is_due(cadence, before, moment, rules):
            return int(moment.timestamp())


def is_due(cadence, before, moment, rules):
    here, past = moment.astimezone(rules), before.astimezone(rules)
    if cadence.is_hourly:
        return here.minute == cadence.minute
    wanted = here.replace(hour=cadence.hour, minute=cadence.minute, tzinfo=None)
    if cadence.weekday not in {None, here.weekday()}:
        return False
    # First shown: since the midnight of that day nothing as late as this was.
    return past.replace(tzinfo=None) < wanted <= here.replace(tzinfo=None) and not here.fold


def test_clocks_of_other_centuries_have_an_answer():
    for at_ns in (-(2**63), 0, 2**63 - 1, 10**20):
        for cadence in (HOURLY, DAILY, MONDAY_AT_EIGHT):
            then = cadence.next_after(at_ns, zone("Europe/Berlin"))
            assert at_ns < then <= at_ns + 8 * 86_400 * NS
