"""Days and ranges of any zone and any two moments; and what is said where events are deleted."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from zoneinfo import available_timezones

import apsw
import pytest
from counting import ask, chosen, day_of, local_day, users_of, weight_of
from seeding import DAY, HOUR, MONDAY, Event, user_hash

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run


def cases(count, seed):
    """Zones of the whole database, with ranges from minutes to weeks that end within hours."""
    choose = random.Random(seed)
    zones = sorted(available_timezones())
    for _ in range(count):
        length = int(10 ** choose.uniform(10.5, 15.3))
        start = MONDAY + choose.randrange(39 * DAY)
        yield choose.choice(zones), start, start + length


@pytest.mark.parametrize(("tz", "from_ns", "to_ns"), list(cases(40, seed=3)))
@pytest.mark.usefixtures("from_rollups")
def test_every_number_is_of_exactly_the_range(varied_store, varied, tz, from_ns, to_ns):
    of = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": tz}
    events = chosen(varied, from_ns, to_ns)
    (overview,) = ask(varied_store, "overview", **of)
    assert overview["events"] == pytest.approx(weight_of(events))
    assert overview["active_users"] == len(users_of(events))
    assert overview["timed"] == pytest.approx(
        weight_of(e for e in events if e.duration is not None)
    )

    calls, features = Counter(), defaultdict(set)
    for event in events:
        if event.event_type == "mcp.tool_call":
            calls[event.tool_name] += event.weight
        if event.used and event.user:
            features[event.service, event.event_type, event.used].add(event.user)
    rows = ask(varied_store, "tool_calls", **of)
    assert {row["tool_name"]: row["calls"] for row in rows} == pytest.approx(calls)
    rows = ask(varied_store, "features", **of)
    found = {(r["service"], r["event_type"], r["feature"]): r["users"] for r in rows if r["users"]}
    assert found == {feature: len(users) for feature, users in features.items()}

    days, tokens = defaultdict(set), Counter()
    for event in varied:
        if event.active and event.user:
            days[local_day(event, tz)].add(event.user)
    for event in events:
        tokens[local_day(event, tz)] += event.weight * event.measures.get("tokens_before", 0)
    of_range = range(day_of(from_ns, tz), day_of(to_ns - 1, tz) + 1)
    rows = ask(varied_store, "dau", **of)
    assert {row["day"]: row["users"] for row in rows if row["users"]} == {
        day: len(days[day]) for day in of_range if days[day]
    }
    rows = ask(varied_store, "token_savings", **of)
    assert {row["day"]: row["tokens_before"] for row in rows} == pytest.approx(+tokens)


@pytest.mark.parametrize("user", [None, user_hash(1)])
def test_days_begin_with_the_first_product_event_of_anyone(store_of, user):
    quarter = 15 * 60 * 10**9
    connection = store_of(
        [
            Event(MONDAY - 9 * DAY, event_type="span", tool_name=""),  # of the host: no day of ours
            Event(MONDAY - quarter, user=None, measures={"tokens_before": 10, "tokens_after": 5}),
            Event(MONDAY + quarter, user=user, measures={"tokens_before": 10, "tokens_after": 5}),
        ]
    )
    when = {"from_ns": MONDAY - 30 * DAY, "to_ns": MONDAY + 2 * quarter}
    monday = MONDAY // DAY
    for tz, first in (("UTC", monday - 1), ("Asia/Kathmandu", monday), ("Asia/Seoul", monday)):
        days = {row["day"] for row in ask(connection, "dau", **when, time_zone=tz)}
        assert days == set(range(first, monday + 1)), tz
        rows = ask(connection, "token_savings", **when, time_zone=tz)
        assert sum(row["tokens_before"] for row in rows) == 20
        assert {row["day"] for row in rows} == days


def test_where_events_are_deleted_the_hour_counts_and_it_is_said(store_of):
    minute = 60 * 10**9
    events = [Event(MONDAY + n * 10 * minute, user=user_hash(n), tool_name="t") for n in range(30)]
    connection = store_of(events)
    question = catalogue()["events_by_service"]
    when = {"from_ns": MONDAY + 25 * minute, "to_ns": MONDAY + 3 * HOUR + 5 * minute}
    result = run(connection, question, when)
    assert (result.rows[0][2], result.widened) == (16, False)
    store = apsw.Connection(connection.filename)
    store.execute("DELETE FROM events WHERE time < ?", (MONDAY + HOUR,))  # as retention does
    result = run(connection, question, when)
    assert (result.rows[0][2], result.widened) == (19, True)
    (row,) = ask(connection, "overview", **when)
    assert row["active_users"] == 19  # the half hour that it begins in is whole too
    # A range that needs none of them is as exact as before.
    result = run(connection, question, {**when, "from_ns": MONDAY + 65 * minute})
    assert (result.rows[0][2], result.widened) == (12, False)
    store.close()
