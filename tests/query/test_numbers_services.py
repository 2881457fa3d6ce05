"""Questions of the MCP and the extension page, against plain Python over the events."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from counting import (
    ask,
    assert_near,
    chosen,
    day_of,
    error_rate_of,
    failed_of,
    is_partial,
    local_day,
    mean_ms,
    nearest_rank,
    rated_of,
    ratio,
    sittings_of,
    users_of,
    weight_of,
)
from seeding import DAY, HOUR, MONDAY, Event, user_hash

HALF = HOUR // 2
RANGES = [
    (MONDAY, MONDAY + 40 * DAY),
    (MONDAY + 3 * DAY + 5 * HOUR, MONDAY + 19 * DAY + 7 * HOUR),
    (MONDAY + 30 * DAY + HOUR, MONDAY + 30 * DAY + 7 * HOUR),
    (MONDAY + 60 * DAY, MONDAY + 61 * DAY),
    # Within hours: the edges of the range are answered from the events.
    (MONDAY + 3 * DAY + 11 * HOUR + 1_234_567, MONDAY + 18 * DAY + 5 * HOUR + 987_654_321),
    (MONDAY + 30 * DAY + HOUR + 7, MONDAY + 30 * DAY + HOUR + 3_000_000_000_000),
]
#: Whole days on both sides of a block of 32 days of the roll-up, which one begins on the 22nd.
DAYS = [
    (0, 40),
    (3, 19),
    (21, 23),
    (22, 30),
    (20, 22),
    (30, 31),
    (3.4, 19.9),
    (21.5, 21.7),
    (21.3, 22.6),
    (8.9, 39.5),
]
FILTERS = [{}, {"service": "mcp"}, {"service": "extension", "user_tier": "paid"}]
ZONES = ["UTC", "Asia/Seoul", "Asia/Kathmandu"]


def of_type(events, *types):
    return [event for event in events if event.event_type in types]


def total(events, measure):
    return sum(e.weight * e.measures[measure] for e in events if measure in e.measures)


def measured(events, measure):
    return weight_of(event for event in events if measure in event.measures)


def timed(events):
    return weight_of(event for event in events if event.duration is not None)


def near(value):
    return None if value is None else pytest.approx(value, abs=0.001)


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_services(varied_store, varied, when, filters):
    rows = ask(varied_store, "services", from_ns=when[0], to_ns=when[1], **filters)
    by_service = defaultdict(list)
    for event in chosen(varied, *when, **filters):
        by_service[event.service].append(event)
    assert rows == [
        {
            "service": service,
            "events": weight_of(of),
            "errors": weight_of(failed_of(of)),
            "error_rate": error_rate_of(of),
            "rated": weight_of(rated_of(of)),
            "users": len(users_of(of)),
        }
        for service, of in sorted(by_service.items(), key=lambda each: -weight_of(each[1]))
    ]


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_mcp_summary(varied_store, varied, when, filters):
    (row,) = ask(varied_store, "mcp_summary", from_ns=when[0], to_ns=when[1], **filters)
    events = chosen(varied, *when, **filters)
    calls = of_type(events, "mcp.tool_call")
    assert row["calls"] == weight_of(calls)
    assert row["errors"] == weight_of(failed_of(calls))
    assert row["tools"] == len({event.tool_name for event in calls})
    assert row["timed"] == timed(calls)
    assert row["avg_ms"] == near(mean_ms(calls))
    for percent in (50, 95, 99):
        assert_near(row[f"p{percent}_ms"], nearest_rank(calls, percent))
    ratio_left = ratio(total(events, "tokens_after"), total(events, "tokens_before"))
    assert row["savings_rate"] == (None if ratio_left is None else pytest.approx(1 - ratio_left))
    assert row["accuracy"] == ratio(total(events, "accepted"), total(events, "suggested"))


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_tool_calls(varied_store, varied, exact, when, filters):
    rows = ask(varied_store, "tool_calls", from_ns=when[0], to_ns=when[1], **filters)
    tools = defaultdict(list)
    for event in of_type(chosen(varied, *when, **filters), "mcp.tool_call"):
        tools[event.tool_name].append(event)
    assert [(row["tool_name"], row["calls"]) for row in rows] == sorted(
        ((tool, weight_of(of)) for tool, of in tools.items()), key=lambda each: (-each[1], each[0])
    )
    for row in rows:
        of = tools[row["tool_name"]]
        assert row["errors"] == weight_of(failed_of(of))
        assert row["timeouts"] == weight_of(e for e in of if e.result == "timeout")
        assert row["cancelled"] == weight_of(e for e in of if e.result == "cancelled")
        assert row["error_rate"] == ratio(row["errors"], row["calls"])
        assert (row["n"], row["avg_ms"]) == (timed(of), near(mean_ms(of)))
        for percent in (50, 95, 99):
            found = row[f"p{percent}_ms"]
            if exact:
                assert found == nearest_rank(of, percent)
            else:
                assert_near(found, nearest_rank(of, percent))


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_branches(varied_store, varied, when, filters):
    modes = defaultdict(list)
    for event in of_type(chosen(varied, *when, **filters), "mcp.branch_create"):
        modes[event.used or "unknown"].append(event)
    rows = ask(varied_store, "branches", from_ns=when[0], to_ns=when[1], **filters)
    assert {row["mode"]: (row["branches"], row["errors"]) for row in rows} == {
        mode: (weight_of(of) - weight_of(failed_of(of)), weight_of(failed_of(of)))
        for mode, of in modes.items()
    }
    if rows:
        assert sum(row["share"] or 0 for row in rows) == pytest.approx(1)


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_search_performance(varied_store, varied, when, filters):
    searches = of_type(chosen(varied, *when, **filters), "mcp.search_context")
    rows = ask(varied_store, "search_performance", from_ns=when[0], to_ns=when[1], **filters)
    assert len(rows) == bool(searches)
    for row in rows:
        assert row["searches"] == weight_of(searches)
        assert row["error_rate"] == ratio(weight_of(failed_of(searches)), weight_of(searches))
        assert row["n"] == timed(searches)
        number = measured(searches, "results")
        assert row["avg_results"] == near(ratio(total(searches, "results"), number))
        assert row["checks"] == measured(searches, "recall")
        assert row["recall"] == near(ratio(total(searches, "recall"), row["checks"]))
        for percent in (50, 95, 99):
            assert_near(row[f"p{percent}_ms"], nearest_rank(searches, percent))


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("when", RANGES)
def test_searches_per_day(varied_store, varied, when, tz):
    days = defaultdict(list)
    for event in of_type(chosen(varied, *when), "mcp.search_context"):
        days[local_day(event, tz)].append(event)
    given = {"from_ns": when[0], "to_ns": when[1], "time_zone": tz}
    rows = ask(varied_store, "searches_per_day", **given)
    assert [(row["day"], row["n"], row["partial"]) for row in rows] == [
        (day, timed(of), is_partial(day, *when, tz)) for day, of in sorted(days.items())
    ]
    for row in rows:
        assert_near(row["p50_ms"], nearest_rank(days[row["day"]], 50))
        assert_near(row["p95_ms"], nearest_rank(days[row["day"]], 95))


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_extension_summary(varied_store, varied, when, filters):
    (row,) = ask(varied_store, "extension_summary", from_ns=when[0], to_ns=when[1], **filters)
    events = [e for e in chosen(varied, *when, **filters) if e.event_type.startswith("ext.")]
    assert row["active_users"] == len(users_of(events))
    for column, event_type in (
        ("installs", "ext.install"), ("activations", "ext.activate"),
        ("interactions", "ext.ui_interaction"), ("code_inserts", "ext.code_insert"),
    ):  # fmt: skip
        assert row[column] == weight_of(of_type(events, event_type)), column
    assert row["lines_inserted"] == total(events, "lines_inserted")
    assert row["completions_accepted"] == total(events, "completions_accepted")
    assert row["errors"] == weight_of(failed_of(events))
    assert row["error_rate"] == error_rate_of(events)
    lengths = [
        (end - start) / 1e6
        for _, start, end, of in sittings_of(varied, *when, **filters)
        if of[0].service == "extension"
    ]
    assert row["sessions"] == len(lengths)
    assert row["avg_session_ms"] == (
        pytest.approx(sum(lengths) / len(lengths)) if lengths else None
    )


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
def test_ides(varied_store, varied, when, filters):
    people, sittings = defaultdict(set), Counter()
    for _, _, _, of in sittings_of(varied, *when, **filters):
        if of[0].ide:
            sittings[of[0].ide] += 1
            people[of[0].ide] |= {event.user for event in of} - {""}
    rows = ask(varied_store, "ides", from_ns=when[0], to_ns=when[1], **filters)
    assert {row["ide"]: (row["users"], row["sessions"]) for row in rows} == {
        ide: (len(people[ide]), count) for ide, count in sittings.items()
    }
    assert sum(row["share"] for row in rows) == pytest.approx(1 if rows else 0)


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("filters", [{}, {"user_tier": "paid"}])
def test_installed_and_inactive(varied_store, varied, days, filters):
    from_ns, to_ns = (MONDAY + int(day * DAY) for day in days)
    known = [e for e in varied if e.user and e.used and e.event_type.startswith("ext.")]
    installed, last_used, active = {}, {}, set()
    for event in known:
        if event.event_type == "ext.install":
            if event.time < to_ns and filters.get("user_tier", event.tier) == event.tier:
                installed.setdefault(event.user, event.time // DAY)
            continue
        last_used[event.user] = event.time // DAY
        if from_ns <= event.time < to_ns and filters.get("user_tier", event.tier) == event.tier:
            active.add(event.user)
    given = {"from_ns": from_ns, "to_ns": to_ns, **filters}
    rows = ask(varied_store, "inactive_users", **given)
    assert {row["user_id_hash"]: (row["installed"], row["last_active"]) for row in rows} == {
        user: (day, last_used.get(user)) for user, day in installed.items() if user not in active
    }
    states = Counter(
        "active" if user in active else "inactive" if user in last_used else "never_used"
        for user in installed
    )
    assert {r["state"]: r["users"] for r in ask(varied_store, "installs", **given)} == states


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("filters", FILTERS)
def test_ui_interactions(varied_store, varied, days, filters):
    when = [MONDAY + int(day * DAY) for day in days]
    found = defaultdict(list)
    for event in of_type(chosen(varied, *when, **filters), "ext.ui_interaction"):
        found[event.used].append(event)
    rows = ask(varied_store, "ui_interactions", from_ns=when[0], to_ns=when[1], **filters)
    assert [(row["interaction"], row["interactions"], row["users"]) for row in rows] == sorted(
        ((used, weight_of(of), len(users_of(of))) for used, of in found.items()),
        key=lambda each: (-each[1], each[0]),
    )


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("of_service", ["", "extension"])
def test_session_length(varied_store, varied, tz, filters, of_service):
    when = MONDAY + 3 * DAY + 5 * HOUR, MONDAY + 19 * DAY
    days = defaultdict(list)
    for _, start, end, of in sittings_of(varied, *when, **filters):
        if start >= when[0] and of_service in {"", of[-1].service}:
            days[day_of(start, tz)].append((end - start) / 1e6)
    given = {"from_ns": when[0], "to_ns": when[1], "time_zone": tz, **filters}
    rows = ask(varied_store, "session_length", **given, of_service=of_service)
    assert [(row["day"], row["sessions"], row["partial"]) for row in rows] == [
        (day, len(of), is_partial(day, *when, tz)) for day, of in sorted(days.items())
    ]
    for row in rows:
        of = days[row["day"]]
        assert row["avg_session_ms"] == pytest.approx(sum(of) / len(of))


def test_a_range_within_hours_has_only_what_is_in_it(store_of):
    events = [Event(MONDAY + n * HALF, user=user_hash(1), tool_name="t") for n in range(8)]
    connection = store_of(events)
    when = MONDAY + HALF, MONDAY + 3 * HOUR + 1
    (row,) = ask(connection, "mcp_summary", from_ns=when[0], to_ns=when[1])
    assert row["calls"] == len(chosen(events, *when)) == 6


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize(
    "when",
    [
        (MONDAY, MONDAY + 40 * DAY),
        (MONDAY + 3 * DAY + 5 * HOUR + 17, MONDAY + 19 * DAY + 7 * HOUR + 1_234_567),
        (MONDAY + 3 * DAY + 1, MONDAY + 3 * DAY + 9 * HOUR - 1),  # hours, and no day
        (MONDAY + 30 * DAY + HALF, MONDAY + 30 * DAY + 2 * HALF + HALF // 2),  # no whole hour
        (MONDAY + 30 * DAY + 5, MONDAY + 30 * DAY + HALF),  # within an hour
        (MONDAY + 39 * DAY, MONDAY + 60 * DAY),  # silent for long
        (MONDAY - 9 * DAY, MONDAY - DAY),
    ],
)
def test_health(varied_store, varied, when, filters):
    """Of exactly the range, whichever part of it the roll-ups answer."""
    by_service = defaultdict(list)
    for event in chosen(varied, *when, **filters):
        by_service[event.service].append(event)
    rows = ask(varied_store, "health", from_ns=when[0], to_ns=when[1], **filters)
    assert [row["service"] for row in rows] == sorted(by_service)
    for row in rows:
        of = by_service[row["service"]]
        assert row["events"] == weight_of(of)
        assert row["errors"] == weight_of(failed_of(of))
        assert row["error_rate"] == error_rate_of(of)
        assert (row["rated_errors"] / row["rated"] if row["rated"] else None) == row["error_rate"]
        assert row["avg_ms"] == (pytest.approx(mean_ms(of), rel=1e-6) if mean_ms(of) else None)
        assert row["last_event"] == of[-1].time
        assert row["silent_ms"] == pytest.approx((when[1] - of[-1].time) / 1e6)


def test_the_last_event_of_a_service_that_fell_silent(store_of):
    events = [
        Event(MONDAY + 10, service="early"),  # before the first whole hour
        Event(MONDAY + 2 * HOUR + 30, service="middle"),
        Event(MONDAY + 2 * HOUR + 40, service="middle", event_type="span"),
        Event(MONDAY + 5 * HOUR + 50, service="late"),  # after the last one
        *(Event(MONDAY + n * HOUR + 60, service="steady") for n in range(9)),
    ]
    events.sort(key=lambda event: event.time)
    rows = ask(store_of(events), "health", from_ns=MONDAY + 5, to_ns=MONDAY + 5 * HOUR + 55)
    assert {row["service"]: row["last_event"] - MONDAY for row in rows} == {
        "early": 10,
        "middle": 2 * HOUR + 30,
        "late": 5 * HOUR + 50,
        "steady": 4 * HOUR + 60,
    }


@pytest.mark.parametrize(
    "question", ["token_savings", "reference_accuracy", "searches_per_day", "session_length"]
)
def test_a_day_of_which_the_range_has_a_part_is_marked(varied_store, question):
    """In Seoul, a range up to now: the first and the last day are parts, and no fall."""
    given = {"time_zone": "Asia/Seoul", "from_ns": MONDAY + 9 * DAY, "to_ns": MONDAY + 15 * DAY}
    rows = ask(varied_store, question, **given)
    assert [row["partial"] for row in rows] == [1, 0, 0, 0, 0, 0, 1]
