"""Local times in a zone, and clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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


@pytest.mark.parametrize(
    ("name", "begin", "end", "expected"),
    [
        ("America/New_York", "2026-10-01", "2026-11-15", True),
        ("America/New_York", "2026-11-02", "2027-03-01", False),
        ("America/New_York", "2020-01-01", "2026-12-31", True),
        ("Asia/Seoul", "2020-01-01", "2026-12-31", False),
        ("Africa/Casablanca", "2026-01-15", "2026-04-15", True),
        ("Europe/Paris", "2026-10-24T00:00Z", "2026-10-26T00:00Z", True),
    ],
)
def test_whether_clocks_are_changed(name, begin, end, expected):
    assert zone(name).changes_between(at(begin), at(end)) is expected


def test_no_change_of_this_year_is_missed():
    """Every zone, against a look at every day."""
    begin, end = at("2026-01-01T00:00Z"), at("2026-12-31T00:00Z")
    for name in sorted(available_timezones()):
        rules = ZoneInfo(name)
        days = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(365))
        offsets = {day.astimezone(rules).utcoffset() for day in days}
        assert zone.__wrapped__(name).changes_between(begin, end) is (len(offsets) > 1), name


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
