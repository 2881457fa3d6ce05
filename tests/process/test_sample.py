import os
import random
import sqlite3
import threading
from collections import Counter

import pytest
from patience import PATIENCE

from cortex_otel.process import sample
from cortex_otel.process.sample import TraceSampler, place_of
from cortex_otel_exporters.record import Context, Record, Series, Session
from cortex_otel_exporters.sqlite.writer import Writer

CONTEXT, SESSION = Context("", "{}", "", "", "{}"), Session("s")


class Kept:
    def __init__(self):
        self.records = []
        self.sampled_out = 0
        self.left_out = []
        self.dropped = Counter()

    def submit(self, record):
        self.records.append(record)
        return True

    def sample_out(self, record):
        self.sampled_out += 1
        self.left_out.append(record)

    def count_dropped(self, reason, number=1, signal="event"):
        self.dropped[reason] += number


def record(trace_id, event_type="mcp.tool_call", result="success"):
    series = Series("mcp", event_type, "n", "", "", "free", result, "INFO", "server", "")
    return Record(1, 1, series, CONTEXT, SESSION, "", trace_id, 1, 0, 1.0, "", {})


def run_trace(sampler, *records):
    """Children end before their root, which is the last."""
    sampler.root_started(records[-1].trace_id)
    for child in records[:-1]:
        sampler.submit(child)
    sampler.submit(records[-1], is_root=True)


@pytest.fixture
def kept():
    return Kept()


def test_without_rates_nothing_waits(kept):
    assert not TraceSampler({}, kept).active
    assert not TraceSampler({"mcp.tool_call": 1.0}, kept).active


def test_weights_make_the_count_unbiased(kept):
    sampler = TraceSampler({"mcp.tool_call": 0.1}, kept)
    ids = random.Random(7)
    for _ in range(20_000):
        run_trace(sampler, record(ids.getrandbits(128)))

    assert len(kept.records) + kept.sampled_out == 20_000
    assert 1_800 < len(kept.records) < 2_200
    assert sum(r.weight for r in kept.records) == pytest.approx(20_000, rel=0.06)


def test_places_are_uniform_for_ids_that_are_not():
    places = [place_of(number) for number in range(1, 10_001)]

    assert 0.48 < sum(places) / len(places) < 0.52
    assert sum(place < 0.1 for place in places) == pytest.approx(1000, rel=0.15)


def test_an_error_keeps_its_whole_trace_with_weight_one(kept):
    sampler = TraceSampler({"*": 0.0001}, kept)
    for trace_id in range(1, 201):
        run_trace(sampler, record(trace_id, "mcp.search_context", result="error"), record(trace_id))

    assert len(kept.records) == 400
    assert {r.weight for r in kept.records} == {1.0}


def test_a_trace_is_kept_or_left_whole(kept):
    sampler = TraceSampler({"mcp.tool_call": 0.3}, kept)
    for trace_id in range(1, 1001):
        run_trace(sampler, record(trace_id, "span"), record(trace_id))

    by_trace = {}
    for r in kept.records:
        by_trace.setdefault(r.trace_id, []).append(r.series.event_type)
    assert 200 < len(by_trace) < 400
    assert all(sorted(types) == ["mcp.tool_call", "span"] for types in by_trace.values())


def test_a_kept_child_has_a_kept_parent_whatever_its_own_rate(kept):
    sampler = TraceSampler({"mcp.tool_call": 0.2, "mcp.search_context": 0.5}, kept)
    for trace_id in range(1, 1001):
        run_trace(sampler, record(trace_id, "mcp.search_context"), record(trace_id))

    parents = {r.trace_id for r in kept.records if r.series.event_type == "mcp.tool_call"}
    children = {r.trace_id for r in kept.records if r.series.event_type == "mcp.search_context"}
    assert children == parents
    assert {r.weight for r in kept.records} == {5.0}


def test_a_child_may_have_a_lower_rate_than_its_root(kept):
    sampler = TraceSampler({"mcp.search_context": 0.1}, kept)
    for trace_id in range(1, 1001):
        run_trace(sampler, record(trace_id, "mcp.search_context"), record(trace_id))

    roots = [r for r in kept.records if r.series.event_type == "mcp.tool_call"]
    children = [r for r in kept.records if r.series.event_type == "mcp.search_context"]
    assert len(roots) == 1000
    assert 60 < len(children) < 140
    assert {r.weight for r in children} == {10.0}


def test_late_records_follow_their_trace(kept):
    sampler = TraceSampler({"*": 0.5}, kept)
    for trace_id in range(1, 201):
        run_trace(sampler, record(trace_id))
        sampler.submit(record(trace_id, "span"))

    roots = {r.trace_id for r in kept.records if r.series.event_type == "mcp.tool_call"}
    late = {r.trace_id for r in kept.records if r.series.event_type == "span"}
    assert late == roots


def test_records_outside_traces_are_drawn_by_chance(kept):
    draws = iter([0.05, 0.5, 0.05])
    sampler = TraceSampler({"*": 0.1}, kept, chance=lambda: next(draws))
    for _ in range(2):
        sampler.submit(record(0))
    sampler.submit(record(0, result="timeout"))

    assert [r.weight for r in kept.records] == [10.0, 1.0]
    assert kept.sampled_out == 1


def test_traces_that_never_end_are_bounded_and_decided_at_the_flush(kept):
    sampler = TraceSampler({"*": 0.5}, kept)
    for trace_id in range(1, 3001):
        sampler.root_started(trace_id)
        sampler.submit(record(trace_id, "span"))
    assert len(kept.records) + kept.sampled_out >= 3000 - 1024

    sampler.flush()
    assert len(kept.records) + kept.sampled_out == 3000


def test_dropping_the_weights_would_be_seen(kept):
    """What the first test here stands on: without weights its estimate is far off."""
    sampler = TraceSampler({"mcp.tool_call": 0.1}, kept)
    ids = random.Random(7)
    for _ in range(5_000):
        run_trace(sampler, record(ids.getrandbits(128)))
    assert len(kept.records) != pytest.approx(5_000, rel=0.5)


def test_every_event_type_of_mixed_traces_is_unbiased(kept):
    rates = {"mcp.tool_call": 0.5, "mcp.search_context": 0.1, "span": 0.05}
    sampler = TraceSampler(rates, kept, chance=random.Random(3).random)
    ids, outcome, truth = random.Random(11), random.Random(12), Counter()
    for _ in range(30_000):
        trace_id = ids.getrandbits(128)
        results = ["error" if outcome.random() < 0.03 else "success" for _ in range(3)]
        types = ["span", "mcp.search_context", "mcp.tool_call"]
        run_trace(sampler, *(record(trace_id, *pair) for pair in zip(types, results, strict=True)))
        sampler.submit(record(0, "mcp.search_context"))
        truth.update(zip(types, results, strict=True))
        truth["mcp.search_context", "success"] += 1

    estimate = Counter()
    for each in kept.records:
        estimate[each.series.event_type, each.series.result] += each.weight
    assert estimate.keys() == truth.keys()
    for key, count in truth.items():
        # Errors are all there; the others within five standard deviations of their rate.
        rate = 1.0 if key[1] == "error" else min(rates.values())
        margin = 5 * (count * (1 - rate) / rate) ** 0.5
        assert estimate[key] == pytest.approx(count, abs=margin + 1e-6), key
    assert len(kept.records) + kept.sampled_out == 4 * 30_000


@pytest.mark.parametrize("result", ["error", "timeout"])
def test_an_error_anywhere_keeps_the_records_before_and_after_it(kept, result):
    sampler = TraceSampler({"*": 1e-6}, kept)
    run_trace(sampler, record(1, "span"), record(1, "span", result), record(1))
    sampler.submit(record(1, "span"))
    assert [each.weight for each in kept.records] == [1.0] * 4
    run_trace(sampler, record(2, result="cancelled"))
    assert kept.sampled_out == 1


def test_an_error_that_comes_late_is_kept(kept):
    sampler = TraceSampler({"*": 1e-6}, kept)
    run_trace(sampler, record(1))
    sampler.submit(record(1, "span", "error"))
    assert [each.series.result for each in kept.records] == ["error"]


def test_a_trace_with_two_local_roots_waits_for_both(kept):
    sampler = TraceSampler({"*": 1e-6}, kept)
    sampler.root_started(1)
    sampler.root_started(1)
    sampler.submit(record(1), is_root=True)
    assert not kept.records
    assert not kept.sampled_out
    sampler.submit(record(1, result="error"), is_root=True)
    assert len(kept.records) == 2


def test_a_trace_with_too_many_records_is_decided_at_once(kept):
    sampler = TraceSampler({"*": 0.5}, kept)
    sampler.root_started(1)
    for _ in range(1500):
        sampler.submit(record(1, "span"))
    assert len(kept.records) + kept.sampled_out >= 1024
    sampler.submit(record(1), is_root=True)
    assert len(kept.records) + kept.sampled_out == 1501


def test_what_waits_is_bounded_over_all_traces(kept):
    sampler = TraceSampler({"*": 0.5}, kept)
    for trace_id in range(1, 101):
        sampler.root_started(trace_id)
        for _ in range(1000):
            sampler.submit(record(trace_id, "span"))
    decided = len(kept.records) + kept.sampled_out
    assert 100_000 - decided <= sample._MAX_HELD
    sampler.flush()
    assert len(kept.records) + kept.sampled_out == 100_000
    assert sampler._held == 0


# Other tests may have left threads, of which Python 3.12 and later warn.
@pytest.mark.system
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_leaves_what_waits_to_its_parent(kept):
    sampler = TraceSampler({"*": 0.5}, kept)
    sampler.root_started(1)
    sampler.submit(record(1, "span", "error"))
    with sampler._lock:  # as another thread of the parent may hold it
        child = os.fork()
        if child == 0:
            sampler.flush()
            sampler.submit(record(2, "span", "error"))
            os._exit(0 if [each.trace_id for each in kept.records] == [2] else 1)
    assert os.waitpid(child, 0)[1] == 0
    sampler.flush()
    assert [each.trace_id for each in kept.records] == [1]


def in_another_thread(work):
    """Whether another thread gets through ``work`` meanwhile."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return not thread.is_alive()


def test_who_is_told_of_a_record_may_wait_for_a_thread_that_records(kept):
    """A developer's processor may want a lock whose holder ends a span of its own."""
    sampler = TraceSampler({"*": 0.999999}, kept)
    got_through = []

    def told(_weight):
        got_through.append(in_another_thread(lambda: run_trace(sampler, record(2))))
        got_through.append(in_another_thread(sampler.flush))

    sampler.root_started(1)
    sampler.submit(record(1), is_root=True, kept=told)
    assert got_through == [True, True]
    assert [each.trace_id for each in kept.records] == [1, 2]


def test_a_flush_waits_no_longer_than_it_may_and_counts_what_it_leaves(kept):
    sampler = TraceSampler({"*": 0.5}, kept)
    sampler.root_started(1)
    sampler.submit(record(1, "span"))
    flushed = []
    with sampler._lock:  # as a thread would that is stopped at exit
        assert in_another_thread(lambda: flushed.append(sampler.flush(0)))
    assert flushed == [False]
    assert kept.dropped == {"exit_timeout": 1}


def test_received_is_stored_sampled_out_and_dropped(tmp_path):
    writer = Writer(tmp_path / "cortex.db", interval_ms=10)
    sampler = TraceSampler({"mcp.tool_call": 0.2, "span": 0.5}, writer)
    ids = random.Random(5)
    for number in range(2000):
        trace_id = ids.getrandbits(128)
        bad = record(trace_id, "span")._replace(time_unix_nano=None)
        result = "error" if number % 20 == 0 else "success"
        run_trace(sampler, record(trace_id, "span"), bad, record(trace_id, result=result))
    assert writer.shutdown(120_000)

    connection = sqlite3.connect(tmp_path / "cortex.db")
    ledger = dict(connection.execute("SELECT outcome, sum(records) FROM ledger GROUP BY 1"))
    (rows,) = connection.execute("SELECT count(*) FROM events").fetchone()
    (errors, estimate) = connection.execute(
        "SELECT sum(result = 'error'), sum(coalesce(weight, 1)) FROM telemetry_events"
        " WHERE event_type = 'mcp.tool_call'"
    ).fetchone()
    connection.close()
    assert ledger["received"] == 6000
    assert ledger["received"] == ledger["stored"] + ledger["sampled_out"] + ledger["dropped"]
    assert rows == ledger["stored"]
    assert ledger["dropped"] > 0
    assert errors == 100
    assert estimate == pytest.approx(2000, rel=0.2)
