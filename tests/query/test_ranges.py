from __future__ import annotations

import pytest

from cortex_otel.query.ranges import PERIODS, RangeError, parse_moment, parse_range
from cortex_otel.query.zones import zone

NOW = 1_800_000_000_123_456_789


SEOUL, NEW_YORK = zone("Asia/Seoul"), zone("America/New_York")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("all", 0),
        ("90s", NOW - 90 * 10**9),
        ("24h", NOW - 86_400 * 10**9),
        ("30d", NOW - 30 * 86_400 * 10**9),
        ("2w", NOW - 14 * 86_400 * 10**9),
        ("999999w", 0),
        ("2026-11-01", 1_793_458_800_000_000_000),
        ("2026-11-01T09:00:00.000001", 1_793_491_200_000_001_000),
        ("2026-11-01T00:00Z", 1_793_491_200_000_000_000),
        ("1066-10-14T00:00Z", 0),
    ],
)
def test_moments(text, expected):
    assert parse_moment(text, NOW, SEOUL) == expected


@pytest.mark.parametrize(
    "text", ["", "3x", "d", "-3d", "1.5h", "2026-13-01", "last-year", "9" * 30]
)
def test_nonsense(text):
    with pytest.raises(RangeError) as caught:
        parse_moment(text, NOW, SEOUL)
    assert "valid time" in caught.value.message


@pytest.mark.parametrize(("since", "until"), [("1d", "2d"), ("now", None), ("2100-01-01", None)])
def test_an_empty_range_is_refused(since, until):
    with pytest.raises(RangeError) as caught:
        parse_range(since, until, NOW, SEOUL)
    assert caught.value.message.startswith("the range from")


@pytest.mark.parametrize("until", ["2100-01-01", "3000-01-01", "9999-12-31"])
def test_a_range_ends_now(until):
    assert parse_range("2h", until, NOW, SEOUL) == (NOW - 7200 * 10**9, NOW)


def test_a_range():
    assert parse_range("2h", "1h", NOW, SEOUL) == (NOW - 7200 * 10**9, NOW - 3600 * 10**9)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        # A Thursday evening; the clocks went back on the Sunday before.
        ("today", None, ("2026-11-05T00:00-05:00", "2026-11-05T19:30-05:00")),
        ("yesterday", None, ("2026-11-04T00:00-05:00", "2026-11-05T00:00-05:00")),
        ("this-week", None, ("2026-11-02T00:00-05:00", "2026-11-05T19:30-05:00")),
        ("last-week", None, ("2026-10-26T00:00-04:00", "2026-11-02T00:00-05:00")),
        ("this-month", None, ("2026-11-01T00:00-04:00", "2026-11-05T19:30-05:00")),
        ("last-month", None, ("2026-10-01T00:00-04:00", "2026-11-01T00:00-04:00")),
        ("last-month", "last-week", ("2026-10-01T00:00-04:00", "2026-11-02T00:00-05:00")),
        ("last-week", "now", ("2026-10-26T00:00-04:00", "2026-11-05T19:30-05:00")),
        ("2026-10-30", "yesterday", ("2026-10-30T00:00-04:00", "2026-11-05T00:00-05:00")),
    ],
)
def test_periods_of_the_calendar(since, until, expected):
    now = NEW_YORK.moment("2026-11-05T19:30")
    found = parse_range(since, until, now, NEW_YORK)
    assert found == tuple(NEW_YORK.moment(each) for each in expected)


def test_each_period_is_known_in_january_and_on_a_monday():
    for text in ("2026-01-01T00:00", "2027-01-04T12:00", "2028-02-29T23:59:59"):
        for since in PERIODS:
            start, end = parse_range(since, None, SEOUL.moment(text) + 1, SEOUL)
            assert SEOUL.iso(start).endswith("T00:00:00.000+09:00")
            assert 0 < end - start <= 31 * 86_400 * 10**9
