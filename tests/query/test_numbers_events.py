"""Events and errors, one by one and counted, against plain Python over the events."""

from __future__ import annotations

from collections import Counter

import apsw
import pytest
from counting import ask, chosen, failed_of, ratio, weight_of
from seeding import DAY, HOUR, MONDAY, Event, user_hash

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run

RANGES = [
    (MONDAY, MONDAY + 40 * DAY),
    (MONDAY + 3 * DAY + 5 * HOUR + 17, MONDAY + 19 * DAY + 7 * HOUR + 1_234_567),
    (MONDAY + 30 * DAY + 1, MONDAY + 30 * DAY + 7 * HOUR),
]
FILTERS = [
    {},
    {"service": "extension"},
    {"service": "mcp", "user_tier": "paid"},
    {"event_type": "ext."},
    {"event_type": "mcp.tool_call"},
    {"error_type": "KeyError"},
    {"error_type": "KeyError", "tool": "tool_0"},
    {"tool": "tool_9"},
    {"user": user_hash(1)},
    {"user": user_hash(1)[:2]},
    {"user": user_hash(40), "event_type": "ext."},
    {"user": "00000000aa"},
    {"user": user_hash(2), "service": "mcp"},
    {"q": "KEYERROR AT"},
    {"q": ":run:1", "user": user_hash(1)},
    {"event_type": "no.such"},
]
#: Events of a user who is active nearly always are looked for backwards, of others in the half
#: hours in which they were active.
BUSY, OTHER = {"user": user_hash(1)}, {"user": user_hash(30)}


def matching(events, from_ns, to_ns, **filters):
    """By the words of the parameters."""
    rest = {key: filters.pop(key, "") for key in ("event_type", "error_type", "tool", "user", "q")}
    return [
        event
        for event in chosen(events, from_ns, to_ns, **filters)
        if event.event_type.startswith(rest["event_type"])
        and rest["error_type"] in {"", event.error_type}
        and rest["tool"] in {"", event.tool_name}
        and (event.user or "-").startswith(rest["user"])
        and rest["q"].lower() in event.error_message.lower()
    ]


def all_pages(connection, name, rows, given):
    """Everything, asked for as the API does: page after page."""
    question, found = catalogue()[name], []
    while True:
        result = run(connection, question, given, row_limit=rows)
        found += result.records()
        if not result.truncated:
            return found
        last = result.records()[-1]
        given = given | {parameter: last[column] for column, parameter in question.cursor.items()}


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("name", ["events", "errors"])
def test_newest_first(varied_store, varied, name, when, filters):
    from_ns, to_ns = when
    expected = matching(varied, from_ns, to_ns, **filters)[::-1]
    if name == "errors":
        expected = failed_of(expected)
    given = {"from_ns": from_ns, "to_ns": to_ns, **filters}
    result = run(varied_store, catalogue()[name], given, row_limit=25)
    rows = result.records()
    assert [(row["time"], row["event_type"]) for row in rows] == [
        (event.time, event.event_type) for event in expected[:25]
    ]
    assert [(row["message"], row["user_id_hash"]) for row in rows] == [
        (event.error_message or None, event.user or None) for event in expected[:25]
    ]
    assert result.truncated == (len(expected) > 25)


@pytest.mark.parametrize("filters", [{}, {"event_type": "ext."}, {"q": "keyerror"}, BUSY, OTHER])
@pytest.mark.parametrize("name", ["events", "errors"])
def test_pages_make_the_whole(varied_store, varied, name, filters):
    from_ns, to_ns = MONDAY + 9 * DAY + 5, MONDAY + 24 * DAY
    expected = matching(varied, from_ns, to_ns, **filters)[::-1]
    if name == "errors":
        expected = failed_of(expected)
    rows = all_pages(varied_store, name, 97, {"from_ns": from_ns, "to_ns": to_ns, **filters})
    assert [row["time"] for row in rows] == [event.time for event in expected]
    assert len({row["id"] for row in rows}) == len(rows)


def test_both_ways_to_one_users_events_are_tested(varied):
    for user, busy in ((BUSY["user"], True), (OTHER["user"], False)):
        halves = {event.time // (HOUR // 2) for event in varied if event.user == user}
        assert (len(halves) > 400) == busy
        assert len(halves) > 30


def test_pages_of_events_at_one_instant(store_of):
    events = [Event(MONDAY + HOUR, user="a", tool_name=f"t{n}") for n in range(10)]
    rows = all_pages(store_of(events), "events", 3, {"from_ns": MONDAY, "to_ns": MONDAY + DAY})
    assert [row["feature"] for row in rows] == [f"t{n}" for n in reversed(range(10))]


def test_an_event_between_two_pages_does_not_shift_them(store_of):
    events = [Event(MONDAY + n * HOUR, user="a", tool_name=f"t{n}") for n in range(8)]
    question, given = catalogue()["events"], {"from_ns": MONDAY, "to_ns": MONDAY + 9 * HOUR}
    first = run(store_of(events), question, given, row_limit=3).records()
    later = store_of([*events, Event(MONDAY + 8 * HOUR, user="a", tool_name="new")])
    last = first[-1]
    more = {"before_ns": last["time"], "before_id": last["id"]}
    second = run(later, question, given | more, row_limit=3).records()
    assert [row["feature"] for row in first + second] == ["t7", "t6", "t5", "t4", "t3", "t2"]


def test_words_are_words_and_no_pattern(store_of):
    connection = store_of(
        [Event(MONDAY, result="error", error_message=text) for text in ("50% off", "500 off")]
    )
    for q, found in (("0% o", 1), ("_", 0), ("%", 1), ("0", 2), ("'", 0), ("OFF", 2)):
        given = {"from_ns": MONDAY, "to_ns": MONDAY + HOUR, "q": q}
        assert len(ask(connection, "errors", **given)) == found, q


COUNTED = [each for each in FILTERS if "q" not in each]


@pytest.mark.parametrize("when", RANGES)
@pytest.mark.parametrize("filters", COUNTED)
def test_errors_counted(varied_store, varied, when, filters):
    from_ns, to_ns = when
    given = {"from_ns": from_ns, "to_ns": to_ns, **filters}
    expected = failed_of(matching(varied, *when, **filters))
    everything = matching(varied, *when, **{k: v for k, v in filters.items() if k != "error_type"})
    timeouts = [event for event in expected if event.result == "timeout"]

    (summary,) = ask(varied_store, "error_summary", **given)
    assert summary["errors"] == weight_of(expected)
    assert summary["timeouts"] == weight_of(timeouts)
    assert summary["events"] == weight_of(everything)
    rated = [event for event in everything if event.rated]
    failed = [event for event in expected if event.rated]
    assert summary["error_rate"] == ratio(weight_of(failed), weight_of(rated))
    assert summary["error_types"] == len({event.error_type for event in expected})

    by_type = Counter()
    for event in expected:
        by_type[event.error_type] += event.weight
    rows = ask(varied_store, "error_types", **given)
    assert {row["error_type"]: row["errors"] for row in rows} == by_type
    assert sum(row["share"] for row in rows) == pytest.approx(1 if expected else 0)

    by_hour = Counter()
    for event in expected:
        by_hour[event.time // HOUR * HOUR, event.result] += event.weight
    hours = ask(varied_store, "errors_per_hour", **given)
    found = Counter()
    for row in hours:
        found[row["time"], "error"] += row["errors"]
        found[row["time"], "timeout"] += row["timeouts"]
    assert +found == by_hour
    assert [row["time"] for row in hours] == list(
        range(max(from_ns, varied[0].time) // HOUR * HOUR, to_ns, HOUR)
    )
    assert [row["partial"] for row in hours if row["partial"]] == [1] * (
        bool(from_ns % HOUR) + bool(to_ns % HOUR)
    )

    by_place, all_of = Counter(), Counter()
    for event in expected:
        by_place[event.event_type, event.tool_name or None] += event.weight
    for event in rated:
        all_of[event.event_type, event.tool_name or None] += event.weight
    places = ask(varied_store, "error_places", **given)
    assert {(row["event_type"], row["tool_name"]): row["errors"] for row in places} == by_place
    for row in places:
        place = row["event_type"], row["tool_name"]
        assert row["error_rate"] == ratio(by_place[place], all_of[place])


def test_the_last_error_is_that_of_the_filters(varied_store, varied):
    last = failed_of(varied)[-1].time
    for filters in ({}, {"tool": "tool_3"}, {"user": user_hash(4)}, {"error_type": "KeyError"}):
        # Also of an end before, at and after an error; and of a range without any.
        for from_ns, to_ns in (
            (MONDAY, MONDAY + 30 * DAY), (MONDAY, last), (MONDAY, last + 1), (last, last + 1),
            (last + 1, last + DAY),
        ):  # fmt: skip
            expected = failed_of(matching(varied, from_ns, to_ns, **filters))
            (row,) = ask(varied_store, "error_summary", from_ns=from_ns, to_ns=to_ns, **filters)
            assert row["last_error"] == (expected[-1].time if expected else None), filters


def test_an_error_whose_event_was_deleted_is_known_by_its_hour(store_of):
    events = [
        Event(MONDAY + 90 * 60 * 10**9, result="error"),
        Event(MONDAY + DAY, result="success"),
    ]
    connection = store_of(events)
    store = apsw.Connection(connection.filename)
    store.execute("DELETE FROM events WHERE time < ?", (MONDAY + DAY,))  # as retention does
    store.close()
    (row,) = ask(connection, "error_summary", from_ns=MONDAY, to_ns=MONDAY + 2 * DAY)
    assert row["last_error"] == MONDAY + HOUR


def test_errors_without_a_class_are_filtered_by_their_displayed_name(store_of):
    events = [
        Event(MONDAY + number, result=result, error_type=error_type, error_message="here")
        for number, (result, error_type) in enumerate(
            [
                ("error", ""),
                ("error", "KeyError"),
                ("timeout", ""),
                ("success", ""),
                ("cancelled", "CancelledError"),
            ]
        )
    ]
    store = store_of(events)
    given = {"from_ns": MONDAY, "to_ns": MONDAY + HOUR}
    for row in ask(store, "error_types", **given):
        filters = {**given, "error_type": row["error_type"]}
        assert len(ask(store, "errors", **filters)) == row["errors"]
        assert len(ask(store, "events", **filters)) == row["errors"]
        (summary,) = ask(store, "error_summary", **filters)
        assert (summary["errors"], summary["error_types"]) == (row["errors"], 1)
        hours = ask(store, "errors_per_hour", **filters)
        assert sum(hour["errors"] + hour["timeouts"] for hour in hours) == row["errors"]
        places = ask(store, "error_places", **filters)
        assert sum(place["errors"] for place in places) == row["errors"]
    assert [row["error_type"] for row in ask(store, "error_types", **given)] == [
        "unknown",
        "KeyError",
    ]
    (found,) = ask(store, "events", **given, error_type="CancelledError")
    assert found["result"] == "cancelled"


def test_a_trace_is_all_that_belongs_to_it(varied_store, varied):
    trace = varied[4000].trace
    rows = ask(varied_store, "trace", from_ns=0, to_ns=MONDAY + 99 * DAY, trace_id=trace.upper())
    assert [(row["time"], row["event_type"]) for row in rows] == [
        (event.time, event.event_type) for event in varied if event.trace == trace
    ]
    assert ask(varied_store, "trace", from_ns=0, to_ns=MONDAY + 99 * DAY) == []
