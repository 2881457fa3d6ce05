from __future__ import annotations

from collections import Counter

import apsw
import pytest
from store_kit import SERIES, Context, Session, record, rows, verify

from cortex_otel_exporters.sqlite import keys
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing

READ = (
    "SELECT json_extract(event_data, '$.number'), name, scope, session_id, user_id_hash"
    " FROM telemetry_events ORDER BY 1"
)


def distinct(number):
    return record(
        number,
        series=SERIES._replace(name=f"name {number}"),
        context=Context(f"scope {number}", "{}", "", "", "{}"),
        session=Session(f"session {number}"),
        user_id_hash=f"{number:064x}",
    )


def expected(numbers):
    return [(n, f"name {n}", f"scope {n}", f"session {n}", f"{n:064x}") for n in numbers]


def received(number):
    return Counter({("event", "received", ""): number})


@pytest.fixture
def batches(path):
    made = [BatchWriter(open_for_writing(path)) for _ in range(2)]
    yield made
    for each in made:
        each.close()


def test_keys_of_a_batch_that_was_rolled_back_are_forgotten(path, batches, monkeypatch):
    first, second = batches

    def fail(_):
        raise apsw.FullError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(first, "_write_ledger", fail)
        with pytest.raises(apsw.FullError):
            first.write([distinct(number) for number in range(5)], [], received(5))
    # Another process takes the numbers that the lost batch had.
    second.write([distinct(number) for number in range(10, 20)], [], received(10))
    first.write([distinct(number) for number in range(5)], [], received(5))
    second.write([distinct(number) for number in (0, 10, 30)], [], received(3))
    assert sorted(rows(path, READ)) == sorted(expected([0, 0, 1, 2, 3, 4, *range(10, 20), 10, 30]))
    verify(path)


def test_two_writers_of_the_same_names_share_keys(path, batches):
    for _ in range(3):
        for writer in batches:
            writer.write([distinct(number) for number in range(5)], [], received(5))
    assert rows(path, "SELECT count(*) FROM series") == [(5,)]
    assert sorted(rows(path, READ)) == sorted(expected(range(5)) * 6)
    verify(path)


def test_more_names_than_the_cache_holds_are_still_right(path, batches, monkeypatch):
    monkeypatch.setattr(keys, "_MAX_CACHED", 8)
    for start in (0, 5, 10, 0, 5):
        batches[0].write([distinct(number) for number in range(start, start + 7)], [], received(7))
    everything = [n for start in (0, 5, 10, 0, 5) for n in range(start, start + 7)]
    assert sorted(rows(path, READ)) == sorted(expected(everything))
    verify(path)
