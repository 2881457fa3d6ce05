from __future__ import annotations

import pytest
from seeding import HOUR, MONDAY, Event

from cortex_otel.query.events import (
    EventFilter,
    committed_after,
    newest,
    newest_key,
    trace_events,
)

TRACE = "0123456789abcdef0123456789abcdef"
EVENTS = [
    Event(MONDAY, service="mcp", tier="free", user="ab" * 32, trace=TRACE, data={"n": 0}),
    Event(MONDAY + HOUR, service="mcp", tier="paid", user="ac" * 32, data={"n": 1}),
    Event(MONDAY + HOUR, service="extension", event_type="ext.install", user="ad" * 32),
    Event(MONDAY - HOUR, service="mcp", tier="paid", trace=TRACE, data={"n": 3}),
]


@pytest.fixture
def store(store_of):
    return store_of(EVENTS)


def ids(rows):
    return [row["id"] for row in rows]


def test_the_newest_come_first_and_of_one_instant_the_last_committed(store):
    assert ids(newest(store, EventFilter(), 10)) == [3, 2, 1, 4]
    assert ids(newest(store, EventFilter(), 2)) == [3, 2]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"service": "mcp"}, [2, 1, 4]),
        ({"event_type": "ext.install"}, [3]),
        ({"user_tier": "paid"}, [2, 4]),
        ({"service": "mcp", "user_tier": "free"}, [1]),
        ({"user_prefix": "a"}, [3, 2, 1]),
        ({"user_prefix": "ac"}, [2]),
        ({"user_prefix": ""}, [3, 2, 1]),
        ({"since_ns": MONDAY}, [3, 2, 1]),
        ({"since_ns": MONDAY + 1}, [3, 2]),
        ({"until_ns": MONDAY}, [4]),
        ({"until_ns": MONDAY + 1}, [1, 4]),
        ({"since_ns": MONDAY, "until_ns": MONDAY + HOUR, "service": "mcp"}, [1]),
    ],
)
def test_a_filter_chooses(store, chosen, found):
    assert ids(newest(store, EventFilter(**chosen), 10)) == found


def test_what_was_committed_after_a_watermark_comes_in_the_order_of_commits(store):
    assert ids(committed_after(store, 0, EventFilter(), 10)) == [1, 2, 3, 4]
    assert ids(committed_after(store, 2, EventFilter(), 10)) == [3, 4]
    assert ids(committed_after(store, 1, EventFilter(service="mcp"), 1)) == [2]
    assert newest_key(store) == 4
    assert committed_after(store, newest_key(store), EventFilter(), 10) == []


def test_an_empty_store_has_no_newest_event(store_of):
    store = store_of([])
    assert newest_key(store) == 0
    assert newest(store, EventFilter(), 10) == []


def test_a_trace_is_in_the_order_of_time(store):
    assert ids(trace_events(store, TRACE, 10)) == [4, 1]
    assert len(trace_events(store, TRACE, 1)) == 1
    assert trace_events(store, "00" * 16, 10) == []
    with pytest.raises(ValueError, match="hex"):
        trace_events(store, "xy" * 16, 10)


def test_event_data_is_an_object(store):
    (row,) = newest(store, EventFilter(service="mcp", user_tier="free"), 1)
    assert row["event_data"] == {"a": 1, "n": 0}  # of its context, and its own
