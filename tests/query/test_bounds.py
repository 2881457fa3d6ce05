"""Where one more or one less is another answer."""

from __future__ import annotations

import json
import os

import pytest
from seeding import HOUR, MONDAY, Event

from cortex_otel.query import runner, writers
from cortex_otel.query.catalogue import COMMON_PARAMETERS, catalogue, parse
from cortex_otel.query.runner import run, stream

EVENTS = [Event(MONDAY + number, user=f"{number:064x}") for number in range(10)]
RANGE = {"from_ns": MONDAY, "to_ns": MONDAY + HOUR}


@pytest.mark.parametrize(("most", "exact"), [(9, False), (10, True)])
def test_a_range_with_as_many_events_as_may_be_sorted_is_exact(store_of, monkeypatch, most, exact):
    monkeypatch.setattr(runner, "EXACT_EVENTS", most)
    assert run(store_of(EVENTS), catalogue()["overview"], RANGE).exact is exact


@pytest.mark.parametrize("rows", [1, 3, 5, 9, 10, 11])
def test_an_export_in_pages_has_every_row_once(store_of, monkeypatch, rows):
    monkeypatch.setattr(runner, "_ROWS_PER_PAGE", rows)
    store = store_of(EVENTS)
    found = list(stream(store, catalogue()["events"], RANGE))
    assert [row[-1] for row in found] == list(range(10, 0, -1))
    assert not store.in_transaction


def test_an_export_that_is_left_early_leaves_no_transaction_open(store_of):
    store = store_of(EVENTS)
    rows = stream(store, catalogue()["dau"], RANGE)
    next(rows)
    rows.close()
    assert not store.in_transaction


def test_how_to_answer_and_the_answer_are_of_one_state(store_of, monkeypatch):
    complete, seen = runner._events_are_complete, []

    def asked(connection, values):
        seen.append(connection.in_transaction)
        return complete(connection, values)

    monkeypatch.setattr(runner, "_events_are_complete", asked)
    store = store_of(EVENTS)
    run(store, catalogue()["overview"], RANGE)
    list(stream(store, catalogue()["overview"], RANGE))
    assert seen == [True, True]


def test_a_transaction_of_the_callers_stays_open(store_of):
    store = store_of(EVENTS)
    store.execute("BEGIN")
    run(store, catalogue()["dau"], RANGE)
    assert store.in_transaction


def test_what_a_common_parameter_is_where_nobody_gives_it():
    defaults = {name: known.default for name, known in COMMON_PARAMETERS.items()}
    assert defaults == {
        "from_ns": 0,
        "to_ns": None,
        "service": "",
        "user_tier": "",
        "time_zone": "UTC",
    }


def test_a_question_may_have_a_limit_of_one_row():
    assert (
        parse("q", "-- title: T\n-- about: a\n-- column: n count m\n-- limit: 1\nSELECT 1").limit
        == 1
    )


@pytest.mark.parametrize(("more", "states"), [(0, 1), (1, 0)])
def test_a_state_file_that_is_too_large_is_skipped(tmp_path, more, states):
    (tmp_path / "writers").mkdir()
    content = json.dumps({"pid": os.getpid()}).ljust((1 << 20) + more)
    (tmp_path / "writers" / "1-1.json").write_text(content)
    assert len(writers.read_writers(tmp_path)) == states
