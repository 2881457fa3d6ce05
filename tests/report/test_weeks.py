"""Which moments a week has, and weeks that are empty, not over, or not begun."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
import seeding

from cortex_otel.query.ranges import RangeError
from cortex_otel.query.zones import zone
from cortex_otel.show.changes import period_before
from cortex_otel.show.report.content import content
from cortex_otel.show.report.facts import gather
from cortex_otel.show.report.weeks import Week, last_week, parse_week, week_of

HOUR = 3_600 * 10**9


@pytest.mark.parametrize(
    ("name", "monday"),
    [
        ("2026-W47", "2026-11-16"), ("2026-w47", "2026-11-16"), ("2026-W53", "2026-12-28"),
        ("2027-W01", "2027-01-04"), ("2026-W01", "2025-12-29"), ("2020-W53", "2020-12-28"),
    ],
)  # fmt: skip
def test_weeks_are_those_of_iso_8601(name, monday):
    week = parse_week(name)
    assert week.monday == date.fromisoformat(monday)
    assert week.name == name.upper()
    assert week_of(week.monday + timedelta(days=6)) == week
    assert week_of(week.next_monday) != week


@pytest.mark.parametrize(
    "text",
    ["", "47", "2026-47", "2026-W0", "2026-W00", "2026-W54", "2027-W53", "2025-W53", "2026W47",
     "../2026-W47", "2026-W47\n2026-W48", "1999-W01", "2100-W01",
     "\u0662\u0660\u0662\u0666-W47", "2026-W47-1"],
)  # fmt: skip
def test_what_is_no_week_is_refused(text):
    with pytest.raises(RangeError, match="isn't a week"):
        parse_week(text)


@pytest.mark.parametrize(
    ("tz", "name", "hours"),
    [
        ("America/New_York", "2026-W44", 169), ("America/New_York", "2026-W10", 167),
        ("Asia/Seoul", "2026-W44", 168), ("Europe/Berlin", "2026-W13", 167),
    ],
)  # fmt: skip
def test_a_week_of_a_clock_change_is_compared_with_the_one_before(tz, name, hours):
    here, week = zone(tz), parse_week(name)
    start, end = week.start(here), week.end(here)
    assert (end - start) // HOUR == hours
    # Longer than seven days of 24 hours, and yet one week.
    assert period_before(start, end, here) == (week.start(here, -1), start)


def test_the_last_week_is_the_one_before_today():
    here = zone("Asia/Seoul")
    for moment, name in (
        ("2026-11-23T00:00", "2026-W47"), ("2026-11-22T23:59", "2026-W46"),
        ("2026-11-23T08:00", "2026-W47"), ("2027-01-04T08:00", "2026-W53"),
    ):  # fmt: skip
        assert last_week(here.instant(moment), here).name == name
    # There it is still Sunday.
    assert last_week(here.instant("2026-11-23T00:00"), zone("America/New_York")).name == "2026-W46"
    assert Week(2026, 53) < Week(2027, 1)


def call(moment, tz="Asia/Seoul", **more):
    time = zone(tz).instant(moment)
    return seeding.Event(
        time=time, duration=10**7, tool_name="search", name="call search",
        user=seeding.user_hash(1), session=f"s{time}", **more,
    )  # fmt: skip


@pytest.mark.system
@pytest.mark.parametrize("language", ["en", "ko"])
def test_an_empty_week(report, language):
    _, pdf, text = report([call("2026-03-02T10:00")], "2026-W11", language=language)
    said = (
        "Nothing was recorded in this week." if language == "en" else "이 주에는 기록이 없습니다."
    )
    assert said in text
    assert pdf.count(b"/Type /Page\n") <= 2
    assert "nan" not in text.lower()


@pytest.mark.system
def test_a_store_with_nothing_at_all(report):
    _, _, text = report([], "2026-W11")
    assert "Nothing was recorded in this week." in text


@pytest.mark.system
def test_a_week_of_one_event(report):
    facts, _, text = report([call("2026-03-11T10:00")], "2026-W11")
    flat = " ".join(text.split())
    assert "1 user was active. Most used: search, by 100% (1)." in flat
    assert "The week before wasn't recorded as a whole: nothing is compared with it." in flat
    assert "No tool was called 20 times." in flat
    assert "Nothing failed." in flat
    assert facts.answers["people"].before is None
    assert "before:" not in flat


SAMPLED = (
    "Events are sampled: 200 is right to within ± 83, and a rate of so many to within ± 21 "
    "percentage points (95 %)."
)


@pytest.mark.system
@pytest.mark.parametrize(("weight", "notes"), [(1.0, []), (10.0, [SAMPLED])])
def test_a_week_of_sampled_events_says_how_good_its_counts_are(report, weight, notes):
    at = zone("Asia/Seoul").instant("2026-03-11T10:00")
    events = [
        seeding.Event(
            time=at + number, duration=10**9, tool_name="search", name="call search",
            user=seeding.user_hash(1), session="1", weight=weight,
        )
        for number in range(20)
    ]  # fmt: skip
    facts, _, text = report(events)
    assert [note for note in content(facts, "en")["notes"] if "sampled" in note] == notes
    assert all(note in " ".join(text.split()) for note in notes)
    if notes:
        assert "± 83" in " ".join(content(facts, "ko")["notes"])


@pytest.mark.system
def test_a_week_that_is_not_over_says_so(report, population):
    facts, _, text = report(population, "2026-W11", now="2026-03-12T15:30")
    flat = " ".join(text.split())
    assert "This week isn't over: its numbers are as of Thu Mar 12 15:30." in flat
    assert not facts.is_over
    # What is told of whole weeks is of the last one, and its week is named.
    assert "In the week of Mar 2," in flat
    # Compared with the same part of the week before.
    before = facts.answers["totals"].before[0]["events"]
    whole, _, _ = report(population, "2026-W10")
    assert 0 < before < whole.answers["totals"].row["events"]


def test_a_week_to_come_is_refused(store):
    here = zone("Asia/Seoul")
    for now in ("2026-03-15T23:59:59", "2026-03-16T00:00"):
        with pytest.raises(RangeError, match="hasn't begun"):
            gather(store, parse_week("2026-W12"), here, here.instant(now))
    gather(store, parse_week("2026-W12"), here, here.instant("2026-03-16T00:00:00.001"))


@pytest.mark.system
@pytest.mark.parametrize(("name", "hours"), [("2026-W44", 169), ("2026-W10", 167)])
def test_every_event_of_a_week_with_a_clock_change_counts(report, name, hours):
    tz = "America/New_York"
    here, week = zone(tz), parse_week(name)
    first = week.start(here, -1)
    events = [
        seeding.Event(time=first + hour * HOUR, tool_name="t", name="call t", user="a" * 64,
                      session=f"s{hour}")
        for hour in range((week.end(here) - first) // HOUR)
    ]  # fmt: skip
    facts, _, text = report(events, name, tz=tz)
    assert facts.answers["totals"].row["events"] == hours
    assert facts.answers["totals"].before[0]["events"] == 168
    assert re.search(rf"\b{hours}\b", text)
    assert len(facts.answers["days"].rows) == 14


@pytest.mark.system
def test_a_week_at_the_turn_of_the_year(report):
    _, _, text = report(
        [call("2026-12-29T10:00"), call("2027-01-02T10:00")], "2026-W53", now="2027-02-01"
    )
    assert "Dec 28, 2026 – Jan 3, 2027" in text
    _, _, text = report([call("2026-12-29T10:00")], "2026-W53", now="2027-02-01", language="ko")
    assert "2026년 12월 28일 ~ 2027년 1월 3일" in text
