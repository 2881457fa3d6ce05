"""Local times in a zone, and clock changes."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from cortex_otel.query.zones import local_zone, zone

NS = 10**9


def at(text):
    return int(datetime.fromisoformat(text).timestamp()) * NS


@pytest.mark.parametrize(
    ("name", "moment", "minutes"),
    [
        ("Asia/Seoul", "2026-07-01T00:00Z", 540),
        ("America/New_York", "2026-07-01T00:00Z", -240),
        ("America/New_York", "2026-12-01T00:00Z", -300),
        ("Asia/Kathmandu", "2026-07-01T00:00Z", 345),
        ("Australia/Lord_Howe", "2026-07-01T00:00Z", 630),
        ("Australia/Lord_Howe", "2026-12-01T00:00Z", 660),
        ("Pacific/Kiritimati", "2026-07-01T00:00Z", 840),
    ],
)
def test_offsets(name, moment, minutes):
    assert zone(name).offset_minutes(at(moment)) == minutes


def test_every_zone_has_the_offsets_of_its_rules():
    """Of each hour of three years, also where clocks change by half an hour or skip midnight."""
    choose = random.Random(5)
    begin = at("2024-01-01T00:00Z") // NS
    moments = sorted(begin + choose.randrange(3 * 366 * 86_400) for _ in range(25))
    now = at("2026-11-01T00:00Z")
    for name in sorted(available_timezones()):
        rules, days = ZoneInfo(name), []
        offsets = zone.__wrapped__(name).recent_offsets(now)
        for second in moments:
            (offset,) = (o for since, until, o in offsets if since <= second * NS < until)
            local = datetime.fromtimestamp(second, rules)
            assert offset == local.utcoffset().total_seconds() * NS, name
            days.append((second * NS + offset) // (86_400 * NS))
        # No day comes twice: each is one span of time.
        assert days == sorted(days), name


@pytest.mark.parametrize(
    ("name", "day", "start", "hours"),
    [
        ("America/New_York", "2026-03-08", "2026-03-08T00:00:00.000-05:00", 23),
        ("America/New_York", "2026-11-01", "2026-11-01T00:00:00.000-04:00", 25),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-05T00:00:00.000+11:00", 24.5),
        # Midnight is left out.
        ("Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00.000+03:00", 23),
        ("Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00.000+03:00", 23),
        ("Asia/Kathmandu", "2026-04-24", "2026-04-24T00:00:00.000+05:45", 24),
    ],
)
def test_a_day_begins_at_its_first_moment(name, day, start, hours):
    there, today = zone(name), date.fromisoformat(day)
    begins = there.start_of(today)
    assert there.iso(begins) == start
    assert there.day_of(begins) == today
    assert there.day_of(begins - 1) < today
    assert (there.start_of(today + timedelta(days=1)) - begins) / NS == hours * 3600


@pytest.mark.parametrize("name", ["America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "UTC"])
def test_some_weeks_earlier_is_the_same_local_time(name):
    there = zone(name)
    for weeks in range(1, 60):
        now = at("2026-11-15T12:34:56Z") + 789
        then = there.earlier(now, 7 * weeks)
        assert there.iso(then)[10:23] == there.iso(now)[10:23]
        assert there.day_of(now) - there.day_of(then) == timedelta(weeks=weeks)
        assert then % 1000 == 789


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01", "2026-11-01T00:00:00.000-04:00"),
        ("2026-11-01T00:30", "2026-11-01T00:30:00.000-04:00"),
        ("2026-11-01T03:00", "2026-11-01T03:00:00.000-05:00"),
        ("2026-11-01T03:00+09:00", "2026-10-31T14:00:00.000-04:00"),
        ("20261101T030000", "2026-11-01T03:00:00.000-05:00"),
        # An hour that there was twice is the first, one that there never was the one after.
        ("2026-11-01T01:30", "2026-11-01T01:30:00.000-04:00"),
        ("2026-03-08T02:30", "2026-03-08T03:30:00.000-04:00"),
        ("1970-01-01T00:00Z", "1969-12-31T19:00:00.000-05:00"),
    ],
)
def test_moments(text, expected):
    there = zone("America/New_York")
    assert there.iso(there.moment(text)) == expected


@pytest.mark.parametrize("text", ["", "now", "2026-13-01", "1969-12-31", "2300-01-01", "12:00"])
def test_what_is_no_moment(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says: the API says it again
        zone("UTC").moment(text)


@pytest.mark.parametrize(
    "name", ["", ".", "/", "../UTC", "Mars", "Asia", "서울", "UTC\0", "x" * 65]
)
def test_what_is_no_zone(name):
    with pytest.raises(ValueError):  # noqa: PT011 - the same
        zone(name)


def test_the_machines_own_zone_is_that_of_its_environment(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Oslo")
    assert local_zone().name == "Europe/Oslo"
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert local_zone().name == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "Nowhere/None")
    fallen_back = local_zone()
    assert fallen_back.name != "Nowhere/None"
    assert zone(fallen_back.name).offset_minutes(0) == fallen_back.offset_minutes(0)
