import random

import pytest

from cortex_otel.process.sample import TraceSampler, place_of
from cortex_otel_exporters.record import Context, Record, Series, Session

CONTEXT, SESSION = Context("", "{}", "", "", "{}"), Session("s")


class Kept:
    def __init__(self):
        self.records = []
        self.sampled_out = 0

    def submit(self, record):
        self.records.append(record)
        return True

    def count_sampled_out(self, number=1, signal="event"):
        self.sampled_out += number


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
