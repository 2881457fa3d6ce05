"""Quiet hours by the clocks of the project's zone, over midnight and where clocks change."""

from __future__ import annotations

import pytest

from cortex_otel.operate.alerts.quiet import is_quiet
from cortex_otel.query.zones import zone

SEOUL, BERLIN = zone("Asia/Seoul"), zone("Europe/Berlin")


@pytest.mark.parametrize(
    ("hours", "time", "quiet"),
    [
        ("22:00-08:00", "21:59:59", False),
        ("22:00-08:00", "22:00:00", True),
        ("22:00-08:00", "23:59:59", True),
        ("22:00-08:00", "00:00:00", True),
        ("22:00-08:00", "07:59:59", True),
        ("22:00-08:00", "08:00:00", False),
        ("12:00-13:30", "11:59:00", False),
        ("12:00-13:30", "13:29:59", True),
        ("12:00-13:30", "13:30:00", False),
        ("", "03:00:00", False),
    ],
)
def test_from_the_first_minute_to_the_last(hours, time, quiet):
    assert is_quiet(hours, SEOUL.instant(f"2026-11-28T{time}"), SEOUL) is quiet


def test_where_clocks_change_the_clocks_count():
    # 2026-03-29: 02:00 is 03:00 at once. 2026-10-25: 03:00 is 02:00 once more.
    spring, autumn = BERLIN.instant("2026-03-29T00:00"), BERLIN.instant("2026-10-25T00:00")
    hour = 3600 * 10**9
    by_hour = [is_quiet("22:00-03:00", spring + each * hour, BERLIN) for each in range(4)]
    assert by_hour == [True, True, False, False]
    by_hour = [is_quiet("22:00-03:00", autumn + each * hour, BERLIN) for each in range(5)]
    assert by_hour == [True, True, True, True, False]
    assert not any(is_quiet("02:10-02:50", spring + each * hour // 6, BERLIN) for each in range(24))
