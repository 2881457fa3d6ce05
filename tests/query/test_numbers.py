"""Every question against a computation in plain Python over the raw events."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from counting import (
    ask,
    assert_near,
    chosen,
    day_of,
    error_rate_of,
    is_over,
    local_day,
    nearest_rank,
    ratio,
    sittings_of,
    users_of,
    weight_of,
)
from seeding import DAY, HOUR, MONDAY, TIERS, Event

FILTERS = [
    {},
    {"service": "mcp"},
    {"service": "extension", "user_tier": "paid"},
    {"user_tier": "free"},
    {"service": "web"},
]
HOURS = [
    (MONDAY, MONDAY + 50 * DAY),
    (MONDAY + 5 * HOUR, MONDAY + 20 * DAY + 7 * HOUR),
    (MONDAY + 3 * DAY, MONDAY + 9 * DAY),
    (MONDAY + 30 * HOUR, MONDAY + 33 * HOUR),
    (MONDAY + 46 * HOUR, MONDAY + 51 * HOUR),
    (MONDAY + 60 * DAY, MONDAY + 61 * DAY),
    # Weeks of the roll-ups begin on Thursdays: with one, two and none inside, and at their edges.
    (MONDAY + 3 * DAY, MONDAY + 10 * DAY),
    (MONDAY + 2 * DAY + HOUR, MONDAY + 17 * DAY),
    (MONDAY + 3 * DAY, MONDAY + 18 * DAY - HOUR),
    (MONDAY + 3 * DAY + HOUR, MONDAY + 10 * DAY),
    (MONDAY + 4 * DAY, MONDAY + 10 * DAY),
    # Within hours: the edges of the range are answered from the events.
    (MONDAY + 3 * DAY + 11 * HOUR + 1_234_567, MONDAY + 18 * DAY + 5 * HOUR + 987_654_321),
    (MONDAY + 30 * HOUR + 7, MONDAY + 30 * HOUR + 3_000_000_000_000),
    (MONDAY + 46 * HOUR - 1, MONDAY + 47 * HOUR + 1),
]
# Whole days; of the blocks of 32 days that features are kept by, one begins on the 22nd.
DAYS = [
    (2, 30),
    (0, 1),
    (13, 14),
    (20, 45),
    (21, 22),
    (22, 23),
    (21, 24),
    (5, 49),
    (5.3, 5.9),
    (5.4, 6.2),
    (9.7, 33.01),
    (21.9, 22.1),
]
MOMENTS = [(MONDAY + 7 * HOUR + 12_345, MONDAY + 3 * DAY + 987_654_321)]
#: Whole hours and half ones, quarters, clocks that change within the events (in New York on day 62,
#: in Cairo never, on Lord Howe by half an hour on day 90), and where midnight is left out (Beirut).
ZONES = [
    "UTC",
    "Asia/Seoul",
    "America/New_York",
    "Asia/Kolkata",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
]


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("when", HOURS)
@pytest.mark.usefixtures("from_rollups")
def test_overview_of_rollups(connection, events, when, filters):
    from_ns, to_ns = when
    (row,) = ask(connection, "overview", from_ns=from_ns, to_ns=to_ns, **filters)
    expected = chosen(events, from_ns, to_ns, **filters)
    failed = weight_of(event for event in expected if event.failed)
    timed = [event for event in expected if event.duration is not None]
    assert row["events"] == weight_of(expected)
    assert row["errors"] == failed
    assert row["error_rate"] == error_rate_of(expected)
    assert row["active_users"] == len(users_of(expected))
    mean = ratio(sum(e.weight * e.duration / 1e6 for e in timed), weight_of(timed))
    # Roll-ups add whole microseconds.
    assert row["avg_ms"] == (mean if mean is None else pytest.approx(mean, abs=0.001))
    for percent in (50, 95, 99):
        assert_near(row[f"p{percent}_ms"], nearest_rank(expected, percent))


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("when", HOURS + MOMENTS)
def test_overview_of_events(connection, events, when, filters):
    from_ns, to_ns = when
    (row,) = ask(connection, "overview", from_ns=from_ns, to_ns=to_ns, **filters)
    expected = chosen(events, from_ns, to_ns, **filters)
    assert row["events"] == weight_of(expected)
    assert row["active_users"] == len(users_of(expected))
    for percent in (50, 95, 99):
        assert row[f"p{percent}_ms"] == nearest_rank(expected, percent)


def tools_of(events):
    groups = defaultdict(list)
    for event in events:
        if event.event_type == "mcp.tool_call":
            groups[event.tool_name, event.tier, event.service].append(event)
    return groups


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("when", HOURS)
def test_tools(connection, events, exact, when, filters):
    from_ns, to_ns = when
    rows = ask(connection, "tools", from_ns=from_ns, to_ns=to_ns, **filters)
    groups = tools_of(chosen(events, from_ns, to_ns, **filters))
    assert {(r["tool_name"], r["user_tier"], r["service"]) for r in rows} == groups.keys()
    assert [r["calls"] for r in rows] == sorted((r["calls"] for r in rows), reverse=True)
    for row in rows:
        calls = groups[row["tool_name"], row["user_tier"], row["service"]]
        results = Counter()
        for call in calls:
            results[call.result] += call.weight
        assert row["calls"] == weight_of(calls)
        assert row["errors"] == results["error"] + results["timeout"]
        assert row["timeouts"] == results["timeout"]
        assert row["cancelled"] == results["cancelled"]
        assert row["error_rate"] == row["errors"] / row["calls"]
        for percent in (50, 95):
            if exact:
                assert row[f"p{percent}_ms"] == nearest_rank(calls, percent)
            else:
                assert_near(row[f"p{percent}_ms"], nearest_rank(calls, percent))


@pytest.mark.parametrize("when", HOURS)
def test_latency(connection, events, exact, when):
    from_ns, to_ns = when
    rows = ask(connection, "latency", from_ns=from_ns, to_ns=to_ns)
    groups = defaultdict(list)
    for event in chosen(events, from_ns, to_ns):
        if event.duration is not None:
            groups[event.event_type].append(event)
    assert {row["event_type"] for row in rows} == groups.keys()
    for row in rows:
        assert row["n"] == weight_of(groups[row["event_type"]])
        for percent in (50, 95, 99):
            expected = nearest_rank(groups[row["event_type"]], percent)
            if exact:
                assert row[f"p{percent}_ms"] == expected
            else:
                assert_near(row[f"p{percent}_ms"], expected)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("when", HOURS)
def test_hours_and_services(connection, events, when, filters):
    from_ns, to_ns = when
    expected = chosen(events, from_ns, to_ns, **filters)
    by_hour, failed = Counter(), Counter()
    for event in expected:
        by_hour[event.time // HOUR * HOUR] += event.weight
        failed[event.time // HOUR * HOUR] += event.weight * event.failed
    hours = ask(connection, "events_per_hour", from_ns=from_ns, to_ns=to_ns, **filters)
    assert [row["time"] for row in hours] == list(range(from_ns // HOUR * HOUR, to_ns, HOUR))
    assert {row["time"]: row["events"] for row in hours if row["events"]} == by_hour
    rates = ask(connection, "error_rate", from_ns=from_ns, to_ns=to_ns, **filters)
    assert {row["time"]: row["error_rate"] for row in rates} == {
        hour: failed[hour] / count for hour, count in by_hour.items()
    }
    services = ask(connection, "events_by_service", from_ns=from_ns, to_ns=to_ns, **filters)
    groups = defaultdict(list)
    for event in expected:
        groups[event.service, event.event_type].append(event)
    assert {(row["service"], row["event_type"]): row["events"] for row in services} == {
        key: weight_of(group) for key, group in groups.items()
    }


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("tz", ZONES)
def test_daily_and_monthly_users(connection, events, filters, tz):
    days = defaultdict(set)
    for event in chosen(events, 0, 1 << 62, **filters):
        if event.user and event.active:
            days[local_day(event, tz)].add(event.user)
    for from_ns, to_ns in ((0, MONDAY + 55 * DAY), (MONDAY + 9 * DAY, MONDAY + 40 * DAY + HOUR)):
        range_ = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": tz, **filters}
        rows = ask(connection, "dau", **range_)
        first = day_of(max(from_ns, min(e.time for e in events)), tz)
        last = day_of(to_ns - 1, tz)
        assert [row["day"] for row in rows] == list(range(first, last + 1))
        assert [row["users"] for row in rows] == [len(days[row["day"]]) for row in rows]
        assert [row["partial"] for row in rows] == [
            int(not is_over(row["day"], to_ns, tz)) for row in rows
        ]
        rows = ask(connection, "mau", **range_)
        assert [row["day"] for row in rows] == list(range(first, last + 1))
        for row in rows:
            window = range(row["day"] - 29, row["day"] + 1)
            assert row["users"] == len(set().union(*(days[day] for day in window)))


@pytest.mark.parametrize("service", ["", "mcp", "web"])
def test_tiers_add_up_to_all_users(connection, events, service):
    from_ns, to_ns = MONDAY + 2 * DAY + 7 * HOUR + 5, MONDAY + 30 * DAY + 123
    rows = ask(connection, "tiers", from_ns=from_ns, to_ns=to_ns, service=service)
    expected = chosen(events, from_ns, to_ns, service=service)
    last = {event.user: event.tier for event in expected if event.user and event.active}
    assert {row["user_tier"]: row["users"] for row in rows if row["users"]} == Counter(
        last.values()
    )
    assert {row["user_tier"]: row["events"] for row in rows} == {
        tier: weight_of(e for e in expected if e.tier == tier)
        for tier in TIERS
        if any(e.tier == tier for e in expected)
    }
    if rows:
        assert sum(row["user_share"] for row in rows) == pytest.approx(1)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("tz", ZONES[:6:2])
def test_measures(connection, events, filters, tz):
    from_ns, to_ns = MONDAY + 5 * HOUR + 777, MONDAY + 20 * DAY - 5
    totals = defaultdict(Counter)
    for event in chosen(events, from_ns, to_ns, **filters):
        for name, value in event.measures.items():
            totals[local_day(event, tz)][name] += value * event.weight
    given = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": tz, **filters}
    savings = ask(connection, "token_savings", **given)
    assert {row["day"]: row["savings_rate"] for row in savings} == pytest.approx(
        {
            day: 1 - total["tokens_after"] / total["tokens_before"]
            for day, total in totals.items()
            if total["tokens_before"]
        }
    )
    accuracy = ask(connection, "reference_accuracy", **given)
    assert {row["day"]: row["accuracy"] for row in accuracy} == {
        day: total["accepted"] / total["suggested"]
        for day, total in totals.items()
        if total["suggested"]
    }


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("filters", FILTERS)
def test_features(connection, events, filters, days):
    from_ns, to_ns = (MONDAY + int(day * DAY) for day in days)
    users, counts = defaultdict(set), Counter()
    for event in chosen(events, from_ns, to_ns, **filters):
        if event.used:
            key = event.service, event.event_type, event.used
            counts[key] += event.weight
            users[key].add(event.user)
    rows = ask(connection, "features", from_ns=from_ns, to_ns=to_ns, **filters)
    found = {(r["service"], r["event_type"], r["feature"]): r for r in rows}
    assert {key: row["events"] for key, row in found.items()} == counts
    assert {k: row["users"] for k, row in found.items()} == {
        key: len(of - {""}) for key, of in users.items()
    }


@pytest.mark.parametrize("filters", FILTERS)
def test_errors_newest_first(connection, events, filters):
    from_ns, to_ns = MONDAY + 2 * DAY + 1, MONDAY + 12 * DAY - 1
    expected = [event for event in chosen(events, from_ns, to_ns, **filters) if event.failed]
    rows = ask(connection, "errors", from_ns=from_ns, to_ns=to_ns, **filters)
    assert [(row["time"], row["message"]) for row in rows] == [
        (event.time, event.error_message) for event in reversed(expected)
    ]


def test_sessions_that_overlap(connection, events):
    from_ns, to_ns = MONDAY + 10 * DAY + HOUR, MONDAY + 11 * DAY
    expected = {
        (session, start): (end, weight_of(of))
        for session, start, end, of in sittings_of(events, from_ns, to_ns)
    }
    parts = Counter(row["session_id"] for row in ask(connection, "sessions", from_ns=0))
    assert max(parts.values()) > 1
    rows = ask(connection, "sessions", from_ns=from_ns, to_ns=to_ns)
    assert {
        (row["session_id"], row["start_time"]): (row["end_time"], row["events"]) for row in rows
    } == expected
    assert [row["end_time"] for row in rows] == sorted(
        (end for end, _ in expected.values()), reverse=True
    )
    (overview,) = ask(connection, "overview", from_ns=from_ns, to_ns=to_ns)
    assert overview["sessions"] == len(expected)


def test_a_session_shows_whole_events_of_fractional_weights(store_of):
    events = [
        Event(MONDAY + number, session="s", weight=1.25, result=("success", "error")[number % 2])
        for number in range(7)
    ]
    (row,) = ask(store_of(events), "sessions", from_ns=MONDAY, to_ns=MONDAY + DAY)
    assert (row["events"], row["errors"]) == (9, 4)  # of 8.75 and 3.75
