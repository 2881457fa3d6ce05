from __future__ import annotations

import time

import pytest

from cortex_otel.query.ranges import RangeError, local_offset_minutes, parse_moment, parse_range

NOW = 1_800_000_000_123_456_789


@pytest.fixture
def seoul(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


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
def test_moments(seoul, text, expected):
    assert parse_moment(text, NOW) == expected
    assert local_offset_minutes(NOW) == 540


@pytest.mark.parametrize(
    "text", ["", "3x", "d", "-3d", "1.5h", "2026-13-01", "yesterday", "9" * 30]
)
def test_nonsense(text):
    with pytest.raises(RangeError) as caught:
        parse_moment(text, NOW)
    assert "valid time" in caught.value.message


@pytest.mark.parametrize(("since", "until"), [("1d", "2d"), ("now", None), ("2100-01-01", None)])
def test_an_empty_range_is_refused(since, until):
    with pytest.raises(RangeError) as caught:
        parse_range(since, until, NOW)
    assert caught.value.message.startswith("the range from")


def test_a_range():
    assert parse_range("2h", "1h", NOW) == (NOW - 7200 * 10**9, NOW - 3600 * 10**9)
