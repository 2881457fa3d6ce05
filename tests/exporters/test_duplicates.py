"""Requests with equal records, in any parts and transactions: each stores what is missing."""

from __future__ import annotations

import contextlib
import random
from collections import Counter

import apsw
import pytest
from store_kit import point, record

from cortex_otel_exporters.sqlite.duplicates import Delivery
from cortex_otel_exporters.sqlite.store import Store


def event_of(identity):
    one = record(1)
    return one._replace(
        series=one.series._replace(kind="event"),
        event_data={},
        identity=identity,
        time_unix_nano=10**18 + identity % 2,
    )


def point_of(identity):
    return point()._replace(identity=identity, time_unix_nano=10**18 + identity % 2)


@pytest.mark.parametrize("seed", range(8))
def test_of_equal_records_the_most_that_one_request_held_are_stored(path, seed):
    choose = random.Random(seed)
    store = Store(path, once=True)
    most = {"event": Counter(), "metric": Counter()}
    sent = duplicates = 0
    for _ in range(12):
        shares, deliveries = [], []
        for _ in range(choose.randint(1, 4)):
            events = choose.choices(range(1, 6), k=choose.randint(1, 8))
            points = choose.choices(range(1, 6), k=choose.randint(0, 6))
            most["event"] |= Counter(events)
            most["metric"] |= Counter(points)
            sent += len(events) + len(points)
            cut = choose.randint(0, len(events))
            deliveries.append(Delivery())
            shares += [(deliveries[-1], events[:cut], points), (deliveries[-1], events[cut:], [])]
        while shares:
            batch = [shares.pop(0) for _ in range(choose.randint(1, len(shares)))]
            outcome = store.write(
                [event_of(one) for _, events, _ in batch for one in events],
                [point_of(one) for _, _, points in batch for one in points],
                Counter(),
                [(delivery, len(events), len(points)) for delivery, events, points in batch],
            )
            assert (outcome.trouble, outcome.refused) == ("", 0)
        duplicates += sum(one.duplicates for one in deliveries)
    store.close()
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        for table, signal in (("received_events", "event"), ("telemetry_metrics", "metric")):
            found = connection.execute(f"SELECT identity, count(*) FROM {table} GROUP BY 1")
            assert dict(found) == dict(most[signal])
    assert duplicates == sent - sum(most["event"].values()) - sum(most["metric"].values())


@pytest.mark.parametrize(
    ("first", "others", "second", "stored"),
    [
        ([2], [2, 1, 3], [1, 3], {1: 1, 2: 1, 3: 1}),  # the same request, at another receiver
        ([2], [2, 2], [2], {2: 2}),
        ([2], [2], [2], {2: 2}),
        ([2], [2, 2], [2, 2], {2: 3}),
        ([2], [4, 4], [2, 4], {2: 2, 4: 2}),
    ],
)
def test_what_another_process_stores_between_the_parts_of_a_request(
    path, first, others, second, stored
):
    delivery = Delivery()
    here, there = Store(path, once=True), Store(path, once=True)
    parts = ((here, delivery, first), (there, Delivery(), others), (here, delivery, second))
    for store, request, numbers in parts:
        events, points = [event_of(one) for one in numbers], [point_of(one) for one in numbers]
        shares = [(request, len(events), len(points))]
        assert store.write(events, points, Counter(), shares).trouble == ""
    here.close()
    there.close()
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        for table in ("received_events", "telemetry_metrics"):
            found = connection.execute(f"SELECT identity, count(*) FROM {table} GROUP BY 1")
            assert dict(found) == stored
