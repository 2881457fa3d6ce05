"""What is private in OpenTelemetry and has been renamed is taken the public way, or missed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import SpanContext, TraceFlags

from cortex_otel.span import internals, metric_internals, reading

CONTEXT = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))


def without(*names):
    """The API's context module as if it had other names for these."""
    kept = {name: one for name, one in vars(context_api).items() if name not in names}
    return SimpleNamespace(**kept)


@pytest.mark.parametrize("gone", [(), ("_RUNTIME_CONTEXT",)])
def test_a_context_is_detached_whatever_holds_it(monkeypatch, gone):
    monkeypatch.setattr(internals, "context_api", without(*gone))
    token = context_api.attach(context_api.set_value("key", 1))
    internals.detach(token)
    assert context_api.get_value("key") is None


def test_a_token_of_another_context_is_harmless_and_silent(caplog):
    token = context_api.attach(context_api.set_value("key", 1))
    internals.detach(token)
    internals.detach(token)  # as one that was used, or is of another task
    assert not caplog.records


@pytest.mark.parametrize("gone", [(), ("_SUPPRESS_INSTRUMENTATION_KEY",)])
def test_suppression_is_seen_and_set_whatever_its_key(monkeypatch, gone):
    monkeypatch.setattr(internals, "context_api", without(*gone))
    assert not internals.is_suppressed()
    with suppress_instrumentation():
        assert internals.is_suppressed()
    token = context_api.attach(internals.suppressed())
    try:
        assert internals.is_suppressed()
    finally:
        context_api.detach(token)
    assert not internals.is_suppressed()


def ended():
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    span.set_attributes({"a": 1, "b": [1, 2]})
    span.end()
    return span


@pytest.mark.parametrize("gone", ["", "_attributes", "_dict", "version"])
def test_attributes_are_the_same_by_either_way(monkeypatch, gone):
    span = ended()
    log = BoundedAttributes(attributes={"a": 1, "b": [1, 2]})
    if gone == "_attributes":
        span = SimpleNamespace(attributes=span.attributes)
    elif gone == "_dict":
        monkeypatch.setattr(reading, "BoundedAttributes", type("Renamed", (), {}))
    elif gone == "version":
        monkeypatch.setattr(reading, "_KNOWS_INSIDE", False)
    for found in (reading.attributes_of(span), reading.plain_copy_of(log)):
        assert found == {"a": 1, "b": (1, 2)}
        assert type(found) is dict
    assert reading.plain_copy_of(None) == {}


def test_the_attributes_of_a_log_record_are_copied():
    log = BoundedAttributes(attributes={"a": 1}, immutable=False)
    found = reading.plain_copy_of(log)
    log["b"] = 2
    assert found == {"a": 1}


def test_a_span_that_can_make_no_copy_of_itself_is_read_as_it_is():
    span = ended()
    assert type(internals.readable_span(span)) is ReadableSpan
    stub = SimpleNamespace(name="s")
    assert internals.readable_span(stub) is stub


def test_a_span_gets_other_ids_or_says_that_it_did_not():
    span = ended()
    internals.give_context(span, CONTEXT)
    assert span.get_span_context() is CONTEXT

    class Renamed(trace.NonRecordingSpan):
        """Keeps its context under another name."""

        def __init__(self):
            self.kept = trace.INVALID_SPAN_CONTEXT

        def get_span_context(self):
            return self.kept

    with pytest.raises(internals.MissingPartError):
        internals.give_context(Renamed(), CONTEXT)


@pytest.mark.parametrize(
    "ask",
    [
        internals.scope_of,
        internals.multi_span_processor,
        internals.span_processors,
        internals.log_processors,
        internals.preferred_of,
        lambda it: internals.made_by(it, "_tracers"),
        lambda it: internals.remove_span_processor(it, None),
        lambda it: internals.remove_log_processor(it, None),
        metric_internals.instruments_of,
        metric_internals.forget_observed,
        metric_internals.forget_counted,
        metric_internals.receiver_of,
        metric_internals.callbacks_of,
        metric_internals.boundaries_of,
        lambda it: metric_internals.watch_first(it, lambda: None),
        lambda it: metric_internals.watch_next(it, lambda: None),
        lambda it: metric_internals.collect_and_remove(it, None),
        lambda it: metric_internals.remove_reader(it, None),
        lambda it: metric_internals.receive_with(it, None),
        lambda it: metric_internals.measure_with(it, None),
    ],
)
def test_what_is_missing_is_never_taken_for_what_is_empty(ask):
    with pytest.raises(internals.MissingPartError):
        ask(SimpleNamespace())
