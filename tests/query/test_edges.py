"""The edge cases of the definitions (facts/analytics.md)."""

from __future__ import annotations

import apsw
import pytest
from seeding import DAY, HOUR, MONDAY, Event

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run

RANGE = {"from_ns": MONDAY, "to_ns": MONDAY + 60 * DAY}


def ask(connection, name, **parameters):
    return run(connection, catalogue()[name], RANGE | parameters).records()


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_an_empty_store_answers(store_of, name):
    rows = ask(store_of([]), name)
    for row in rows:
        assert {value for key, value in row.items() if "rate" in key and key != "rated"} <= {None}
        assert not row.get("events")


def test_23_59_utc_is_the_next_day_in_seoul(store_of):
    connection = store_of([Event(MONDAY + DAY - 60 * 10**9, user="a" * 64)])
    active = {
        tz: [row["day"] for row in ask(connection, "dau", time_zone=tz) if row["users"]]
        for tz in ("UTC", "Asia/Seoul", "Atlantic/Azores")
    }
    today = MONDAY // DAY
    assert active == {"UTC": [today], "Asia/Seoul": [today + 1], "Atlantic/Azores": [today]}


def test_a_day_without_events_is_0_and_today_is_partial(store_of):
    connection = store_of([Event(MONDAY, user="a"), Event(MONDAY + 2 * DAY, user="a")])
    rows = ask(connection, "dau", to_ns=MONDAY + 2 * DAY + HOUR)
    assert [(row["users"], row["partial"]) for row in rows] == [(1, 0), (0, 0), (1, 1)]


def test_mau_is_partial_for_29_days(store_of):
    connection = store_of([Event(MONDAY + HOUR, user="a")])
    rows = ask(connection, "mau", to_ns=MONDAY + 32 * DAY)
    assert [row["users"] for row in rows] == [1] * 30 + [0] * 2
    assert [row["partial"] for row in rows] == [1] * 29 + [0] * 3


def test_sunday_to_monday_is_week_1(store_of):
    connection = store_of([Event(MONDAY + 6 * DAY, user="a"), Event(MONDAY + 7 * DAY, user="a")])
    rows = ask(connection, "retention", to_ns=MONDAY + 16 * DAY)
    assert [(row["period"], row["active_users"]) for row in rows] == [(0, 1), (1, 1), (2, None)]


def test_history_before_the_range_decides_on_new_users(store_of):
    connection = store_of([Event(MONDAY, user="a"), Event(MONDAY + 7 * DAY, user="a")])
    assert ask(connection, "retention", from_ns=MONDAY + 7 * DAY) == []


@pytest.mark.parametrize(
    ("history", "eligible", "converted"),
    [
        ([("free", 0), ("paid", 30)], 1, 1),  # the window includes its end
        ([("free", 0), ("paid", 31)], 1, 0),
        ([("paid", 0), ("free", 1), ("paid", 2)], 0, 0),  # paid at first sight
        ([("free", 0), ("paid", 1), ("free", 2), ("paid", 3)], 1, 1),  # once
        ([("free", 0), ("trial", 3)], 1, 0),  # a trial is no payment
        ([("free", 0), ("enterprise", 3)], 1, 1),
        ([("", 0), ("free", 1), ("paid", 3)], 1, 1),  # unknown is no tier
    ],
)
def test_conversion_by_history(store_of, history, eligible, converted):
    events = [Event(MONDAY + day * DAY, user="a", tier=tier) for tier, day in history]
    for arrived in (events, events[::-1]):
        rows = ask(store_of(arrived), "conversion")
        assert sum(row["eligible_users"] for row in rows) == eligible
        assert sum(row["converted_users"] for row in rows) == converted


def test_users_still_inside_the_window_are_pending(store_of):
    connection = store_of([Event(MONDAY, user="a"), Event(MONDAY + DAY, user="a", tier="paid")])
    (row,) = ask(connection, "conversion", to_ns=MONDAY + 20 * DAY)
    assert (row["eligible_users"], row["pending_users"], row["conversion_rate"]) == (0, 1, None)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 1, 1)), (2, (1, 2, 2)), (100, (50, 95, 99))]
)
def test_percentiles_are_nearest_rank(store_of, count, expected):
    events = [Event(MONDAY + n, duration=n * 10**6, tool_name="t") for n in range(1, count + 1)]
    (row,) = ask(store_of(events), "latency")
    assert (row["p50_ms"], row["p95_ms"], row["p99_ms"]) == expected
    assert row["n"] == count


def test_weights_count_as_events(store_of):
    events = [
        Event(MONDAY, duration=10**6, weight=10.0),
        Event(MONDAY, duration=9 * 10**6, result="error"),
    ]
    (row,) = ask(store_of(events), "overview")
    assert (row["events"], row["errors"], row["p50_ms"], row["p95_ms"]) == (11, 1, 1.0, 9.0)


def test_rollups_answer_where_the_events_are_gone(store_of, tmp_path):
    connection = store_of([Event(MONDAY + n, duration=10**6, tool_name="t") for n in range(5)])
    question = catalogue()["tools"]
    assert run(connection, question, RANGE).exact
    with apsw.Connection(str(tmp_path / "0.db")) as writer:
        writer.execute("DELETE FROM events WHERE event_key = 1")
    result = run(connection, question, RANGE)
    writer.close()
    assert not result.exact
    assert result.records()[0]["calls"] == 5


def test_the_ledger_adds_up_by_day(store_of):
    day = MONDAY // DAY
    entries = [
        (day, "event", "received", "", 10), (day, "event", "stored", "", 6),
        (day, "event", "sampled_out", "", 1), (day, "event", "dropped", "queue_full", 2),
        (day, "event", "dropped", "invalid", 1), (day + 1, "metric", "received", "", 4),
        (day + 1, "metric", "stored", "", 4),
    ]  # fmt: skip
    newest, oldest = ask(store_of([], entries), "ledger")
    assert (newest["signal"], newest["reasons"]) == ("metric", None)
    assert oldest["reasons"] == "invalid 1, queue_full 2"
    assert oldest["received"] == oldest["stored"] + oldest["sampled_out"] + oldest["dropped"]
