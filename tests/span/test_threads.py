"""A span that many threads write to while it ends, and a process that forks."""

from __future__ import annotations

import os
import sys
import threading

import pytest
from opentelemetry import trace as api
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from cortex_otel.span.provider import LeanTracerProvider
from cortex_otel.span.span import LeanSpan

THREADS, EACH = 8, 300


class Kept(SpanProcessor):
    def __init__(self):
        self.spans = []

    def on_end(self, span):
        self.spans.append(span)


@pytest.fixture
def often_interrupted():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def provider(**options):
    made = LeanTracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False, **options)
    exporter = Kept()
    made.add_span_processor(exporter)
    return made.get_tracer("x"), exporter


def at_once(*functions):
    errors = []
    barrier = threading.Barrier(len(functions))

    def run(function):
        try:
            barrier.wait()
            function()
        except BaseException as error:  # noqa: BLE001 - reported below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.mark.usefixtures("often_interrupted")
def test_nothing_is_lost_of_what_threads_set():
    limits = SpanLimits(
        max_attributes=THREADS * EACH * 2 + 2,
        max_events=THREADS * EACH * 2,
        max_links=THREADS * EACH,
    )
    tracer, exporter = provider(span_limits=limits)
    span = tracer.start_span("x")
    other = tracer.start_span("y").get_span_context()

    def write(number):
        for turn in range(EACH):
            span.set_attribute(f"{number}.{turn}", turn)
            span.set_attributes({f"more.{number}.{turn}": turn, "shared": number})
            span.add_event(f"{number}.{turn}")
            span.add_link(other, {"turn": turn})
            if turn == EACH // 2 and number == 0:
                span.set_attribute("list", [1])  # from here on it is a stock span
            # Its keys alone: the SDK's mapping is without "shared" while it is set anew.
            list(span.attributes)

    at_once(*(lambda number=number: write(number) for number in range(THREADS)))
    span.end()
    (ended,) = exporter.spans
    assert len(ended.attributes) == THREADS * EACH * 2 + 2
    assert len(ended.events) == len(ended.links) == THREADS * EACH
    assert ended.dropped_attributes == ended.dropped_events == ended.dropped_links == 0


@pytest.mark.usefixtures("often_interrupted")
def test_the_limit_holds_and_what_it_pushes_out_is_counted():
    tracer, exporter = provider(span_limits=SpanLimits(max_attributes=50))
    span = tracer.start_span("x")

    def write(number):
        for turn in range(EACH):
            span.set_attribute(f"{number}.{turn}", turn)

    at_once(*(lambda number=number: write(number) for number in range(THREADS)))
    span.end()
    (ended,) = exporter.spans
    assert len(ended.attributes) == 50
    assert ended.dropped_attributes == THREADS * EACH - 50


@pytest.mark.usefixtures("often_interrupted")
def test_it_ends_once_and_later_writes_are_refused():
    tracer, exporter = provider()
    for _ in range(100):
        span = tracer.start_span("x", attributes={"a": 1})
        seen = []
        at_once(
            span.end,
            span.end,
            lambda span=span: span.set_attribute("b", 2),
            lambda span=span: span.set_attributes({"c": 3}),
            lambda span=span: span.add_event("e"),
            lambda span=span, seen=seen: seen.append(dict(span._attributes)),
        )
        ended = exporter.spans.pop()
        assert not exporter.spans
        before = dict(ended.attributes), len(ended.events)
        span.set_attribute("d", 4)
        with pytest.raises(TypeError):
            span._attributes["d"] = 4
        assert (dict(ended.attributes), len(ended.events)) == before
        assert dict(span.attributes) == before[0]


@pytest.mark.usefixtures("often_interrupted")
def test_two_that_ask_for_the_same_late_part_get_the_same():
    tracer, _ = provider()
    for _ in range(100):
        span = tracer.start_span("x", attributes={"a": 1})
        found = []
        at_once(
            *[lambda span=span, found=found: found.append((span._attributes, span._events))] * 4
        )
        assert len({tuple(map(id, pair)) for pair in found}) == 1


def test_all_threads_get_the_same_tracer():
    made = LeanTracerProvider(shutdown_on_exit=False)
    found = []
    at_once(*[lambda: found.append(made.get_tracer("x", "1"))] * THREADS)
    assert len(set(map(id, found))) == 1


@pytest.mark.system
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_spans():
    tracer, exporter = provider()
    before = tracer.start_span("before")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with api.use_span(before):
                tracer.start_span("in child", attributes={"a": 1}).end()
            before.set_attribute("b", 2)
            before.end()
            of_child, of_parent = exporter.spans
            lines = [
                of_child.context.span_id,
                of_child.parent == before.get_span_context(),
                dict(of_parent.attributes),
                of_child.resource.attributes.get("process.pid"),
            ]
            os.write(write, repr(lines).encode())
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    span_id, has_parent, attributes, _ = eval(os.read(read, 1000))  # what we have just written
    os.close(read)
    os.close(write)
    assert has_parent
    assert attributes == {"b": 2}
    tracer.start_span("in parent").end()
    assert exporter.spans[0].context.span_id != span_id  # not the same random numbers twice


def test_others_get_a_read_only_copy_and_ours_the_span_itself():
    class Ours(Kept):
        reads_ended_span = True

    others = Kept()
    made = LeanTracerProvider(sampler=ALWAYS_ON, shutdown_on_exit=False)
    ours, last = Ours(), Kept()
    for processor in (ours, others, last):
        made.add_span_processor(processor)
    made.get_tracer("x").start_span("x", attributes={"a": 1}).end()
    assert type(ours.spans[0]) is LeanSpan
    assert type(others.spans[0]) is ReadableSpan
    assert others.spans[0] is last.spans[0]
    assert others.spans[0].attributes == ours.spans[0].attributes == {"a": 1}
