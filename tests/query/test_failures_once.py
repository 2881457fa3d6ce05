"""A feature that fails in the tool of its name is one failure, though two events tell it."""

from __future__ import annotations

import pytest
from counting import ask
from seeding import DAY, HOUR, MONDAY, Event, user_hash

RANGE = {"from_ns": MONDAY, "to_ns": MONDAY + DAY}
FAILED = {"result": "error", "error_type": "SearchError", "user": user_hash(1)}


def call(number, **more):
    return Event(MONDAY + number * HOUR, tool_name="search_context", **{**FAILED, **more})


def search(number, **more):
    return Event(
        MONDAY + number * HOUR + 1,
        event_type="mcp.search_context",
        tool_name="",
        **{**FAILED, **more},
    )


def places(store):
    return {
        (row["event_type"], row["tool_name"]): row["errors"]
        for row in ask(store, "error_places", **RANGE)
    }


@pytest.mark.parametrize("asked", [{}, {"user": user_hash(1)}])
def test_a_failing_search_is_one_failure(store_of, asked):
    store = store_of([each for number in range(3) for each in (call(number), search(number))])
    (place,) = ask(store, "error_places", **RANGE, **asked)
    assert (place["event_type"], place["errors"]) == ("mcp.tool_call", 3)
    (kind,) = ask(store, "error_types", **RANGE, **asked)
    assert (kind["errors"], kind["share"]) == (3, 1)


def test_what_no_call_tells_stays(store_of):
    """The tool went on after a search that failed; or nobody called a tool."""
    store = store_of([call(0), search(0), search(1), search(2, error_type="OSError")])
    assert places(store) == {
        ("mcp.tool_call", "search_context"): 1,
        ("mcp.search_context", None): 2,
    }


def test_who_asks_for_the_event_gets_it(store_of):
    store = store_of([call(0), search(0)])
    (place,) = ask(store, "error_places", **RANGE, event_type="mcp.search_context")
    assert place["errors"] == 1


def test_an_error_that_cost_users_is_ranked_once(store_of):
    events = [
        Event(MONDAY + day * DAY, user=user_hash(user), tool_name="git_status")
        for user in range(40)
        for day in (range(2) if user < 20 else range(40))
    ]
    for user in range(15):
        events += [call(1, user=user_hash(user)), search(1, user=user_hash(user))]
    asked = {"from_ns": MONDAY, "to_ns": MONDAY + 40 * DAY, "min_met": 5}
    (row,) = ask(store_of(events), "costly_errors", **asked)
    assert (row["event_type"], row["tool_name"]) == ("mcp.tool_call", "search_context")
