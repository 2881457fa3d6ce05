"""What other exporters get of one span, log record or metric: every field of it."""

from __future__ import annotations

import dataclasses

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.baggage import set_baggage
from opentelemetry.sdk._logs import LogRecordLimits, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from cortex_otel.identity import IdentityResolver
from cortex_otel.process.convert import Converter
from cortex_otel.process.copies import SafeCopies
from cortex_otel.process.from_sdk import log_data, span_data
from cortex_otel.process.names import OTHER, Names
from cortex_otel.process.program import process_session
from cortex_otel.process.redact import Redactor

SECRET = "SECRET between us"
RESOURCE = Resource(
    {
        "service.name": "shop", "host.name": SECRET, "process.command_line": SECRET,
        "process.owner": SECRET, "cortex.service": "mcp", "cortex.user.tier": "paid",
        "user.hash": "ab" * 32, "service.instance.id": SECRET,
    },
    f"https://{SECRET}",
)  # fmt: skip
STATE = TraceState([("vendor", "SECRET")])


class Copies(SafeCopies):
    """What is told beside the row, as the processors have it told."""

    def __init__(self):
        resolver = IdentityResolver(text_key=b"k" * 32)
        redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
        self.overflowed = []
        self.names = Names(redactor.name, self.overflowed.append)
        self.converter = Converter(redactor, resolver, "mcp", names=self.names)
        super().__init__(redactor, self.converter)

    def span(self, span):
        data = span_data(span)
        return super().span(span, data, self.converter.span(data))

    def log(self, log):
        return super().log(log, self.converter.log(log_data(log)))


@pytest.fixture
def copies():
    return Copies()


def everything_in(thing, seen=None):
    """Every text that can be reached from ``thing``, as an exporter could."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return ""
    seen.add(id(thing))
    if isinstance(thing, (str, bytes, int, float, type(None), type)):
        return f"{thing!r} "
    if isinstance(thing, BaseException):
        return f"{thing.args} "
    if hasattr(thing, "items"):
        return "".join(everything_in(one, seen) for pair in thing.items() for one in pair)
    if isinstance(thing, (list, tuple, set, frozenset)):
        return "".join(everything_in(one, seen) for one in thing)
    fields = list(getattr(thing, "__dict__", {}).values())
    for kind in type(thing).__mro__:
        slots = getattr(kind, "__slots__", ())
        fields += [getattr(thing, name, None) for name in slots if name != "__weakref__"]
    if dataclasses.is_dataclass(thing):
        fields += [getattr(thing, field.name) for field in dataclasses.fields(thing)]
    return "".join(everything_in(one, seen) for one in fields)


def a_span():
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    tracer = provider.get_tracer("lib", "1.2", f"https://x/{SECRET}", {"who": SECRET})
    span = tracer.start_span(
        "GET /home/SECRET",
        kind=SpanKind.CLIENT,
        attributes={"db.statement": SECRET, "db.system.name": "sqlite", "user.id": SECRET},
        links=[
            Link(
                SpanContext(1, 2, is_remote=True, trace_state=STATE),
                {"why": SECRET, "rpc.system": "x"},
            )
        ],
        start_time=5,
    )
    span.add_event(SECRET, {"said": SECRET})
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        span.record_exception(error, {"more": SECRET})
    span.set_status(Status(StatusCode.ERROR, SECRET))
    span.end(9)
    return span


def test_of_a_span_nothing_is_left_that_a_row_has_not(copies):
    span = a_span()
    copy = copies.span(span._readable_span())
    assert "SECRET" not in everything_in(copy)
    assert type(copy) is ReadableSpan
    assert (copy.name, copy.kind, copy.start_time, copy.end_time) == ("GET", SpanKind.CLIENT, 5, 9)
    assert copy.context.trace_id == span.context.trace_id
    assert copy.context.span_id == span.context.span_id
    assert copy.parent is None
    assert copy.attributes["db.system.name"] == "sqlite"
    assert set(copy.attributes) == {"db.system.name", "user.hash", "session.id"}
    assert copy.dropped_attributes == 1
    (event,) = copy.events
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"].startswith("ValueError at test_copies:a_span:")
    assert copy.dropped_events == 1
    (link,) = copy.links
    assert (link.context.trace_id, link.context.span_id) == (1, 2)
    assert dict(link.attributes) == {"rpc.system": "x"}
    assert (copy.status.status_code, copy.status.description) == (StatusCode.ERROR, None)
    assert copy.instrumentation_scope == InstrumentationScope("lib", "1.2")
    assert dict(copy.resource.attributes) == {
        "service.name": "shop",
        "cortex.service": "mcp",
        "cortex.user.tier": "paid",
        "user.hash": "ab" * 32,
    }
    copy.to_json()


def test_the_trace_state_of_a_remote_parent_is_gone(copies):
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    parent = NonRecordingSpan(
        SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(1), trace_state=STATE)
    )
    provider = TracerProvider(shutdown_on_exit=False)
    span = provider.get_tracer("lib").start_span("work", set_span_in_context(parent))
    span.end()
    copy = copies.span(span._readable_span())
    assert "SECRET" not in everything_in(copy)
    assert (copy.parent.span_id, copy.parent.is_remote) == (6, True)


def a_log(**fields):
    log = LogRecord(
        timestamp=5,
        observed_timestamp=7,
        context=set_baggage("who", SECRET),
        severity_text=SECRET,
        severity_number=SeverityNumber.WARN,
        attributes={"who": SECRET, "cortex.ide": "vscode", "nested": {"who": [SECRET]}},
        **fields,
    )
    log.trace_id, log.span_id = 3, 4
    scope = InstrumentationScope("lib", "1", f"https://{SECRET}", {"who": SECRET})
    return ReadWriteLogRecord(log, RESOURCE, scope, LogRecordLimits())


@pytest.mark.parametrize(
    "fields",
    [
        {"body": SECRET}, {"body": {SECRET: [SECRET]}}, {"body": SECRET.encode()},
        {"event_name": "ext.activate", "body": SECRET},
        {"event_name": "failed", "exception": ValueError(SECRET)},
    ],
    ids=["text", "map", "bytes", "event", "exception"],
)  # fmt: skip
def test_of_a_log_record_nothing_is_left_that_a_row_has_not(copies, fields):
    copy = copies.log(a_log(**fields))
    assert "SECRET" not in everything_in(copy)
    assert type(copy) is ReadableLogRecord
    log = copy.log_record
    assert (log.timestamp, log.observed_timestamp, log.trace_id, log.span_id) == (5, 7, 3, 4)
    assert (log.severity_text, log.severity_number) == ("WARN", SeverityNumber.WARN)
    assert log.body is None
    assert log.attributes["cortex.ide"] == "vscode"
    assert log.event_name == fields.get("event_name")
    assert ("log.body.hash" in log.attributes) == (
        fields.get("body") == SECRET and not log.event_name
    )
    assert ("exception.type" in log.attributes) == ("exception" in fields)
    copy.to_json()


def collected(record, *views):
    reader = InMemoryMetricReader()
    provider = MeterProvider(
        [reader], RESOURCE, AlwaysOnExemplarFilter(), shutdown_on_exit=False, views=views
    )
    record(provider)
    data = reader.get_metrics_data()
    provider.shutdown()
    return data


def points(data):
    return {
        metric.name: metric.data.data_points
        for of_resource in data.resource_metrics
        for of_scope in of_resource.scope_metrics
        for metric in of_scope.metrics
    }


def test_of_metrics_nothing_is_left_that_a_row_has_not(copies):
    def record(provider):
        meter = provider.get_meter("lib", "1", f"https://{SECRET}", {"who": SECRET})
        meter.create_counter("jobs", "1", SECRET).add(2, {"who": SECRET, "rpc.system": "x"})
        meter.create_gauge("home/SECRET/level").set(1.5, {"user.id": SECRET})

    data = collected(record, View(instrument_name="jobs", attribute_keys={"rpc.system"}))
    assert "SECRET" in everything_in(data), "in an exemplar, among others"
    copy = copies.metrics(data)
    assert "SECRET" not in everything_in(copy)
    (point,) = points(copy)["jobs"]
    assert (point.value, dict(point.attributes)) == (2, {"rpc.system": "x"})
    copy.to_json()


def test_points_that_differed_in_what_is_gone_are_one(copies):
    def record(provider):
        meter = provider.get_meter("lib")
        counter, histogram = meter.create_counter("jobs"), meter.create_histogram("took")
        for number in range(5):
            attributes = {"who": f"person {number}", "rpc.system": "x"}
            counter.add(number, attributes)
            histogram.record(number * 10, attributes)
        counter.add(7, {"rpc.system": "y"})

    copy = points(copies.metrics(collected(record)))
    assert {tuple(p.attributes.values()): p.value for p in copy["jobs"]} == {("x",): 10, ("y",): 7}
    (point,) = copy["took"]
    assert (point.count, point.sum, point.min, point.max) == (5, 100, 0, 40)
    assert sum(point.bucket_counts) == 5


def test_scopes_that_have_become_equal_lose_none_of_their_instruments(copies):
    """OpenTelemetry's encoder keeps one of equal scopes."""

    def record(provider):
        for who in ("a", "b"):
            meter = provider.get_meter("lib", attributes={"who": who})
            meter.create_counter("jobs").add(1)
            meter.create_counter(f"jobs.{who}").add(1)

    copy = copies.metrics(collected(record))
    (scope,) = copy.resource_metrics[0].scope_metrics
    assert sorted(metric.name for metric in scope.metrics) == ["jobs", "jobs.a", "jobs.b"]
    assert [point.value for point in points(copy)["jobs"]] == [2]


def test_exponential_histograms_of_different_scale_add_up(copies):
    values = {"a": [1, 1.125, 1.25], "b": [0, 0.125, 5, 1024 * 1024]}

    def record(provider):
        histogram = provider.get_meter("lib").create_histogram("took")
        for who, those in values.items():
            for value in those:
                histogram.record(value, {"who": who})

    def all_at_once(provider):
        histogram = provider.get_meter("lib").create_histogram("took")
        for value in (one for those in values.values() for one in those):
            histogram.record(value)

    view = View(instrument_name="took", aggregation=ExponentialBucketHistogramAggregation())
    (merged,) = points(copies.metrics(collected(record, view)))["took"]
    (whole,) = points(collected(all_at_once, view))["took"]
    assert (merged.count, merged.sum, merged.zero_count) == (whole.count, whole.sum, 1)
    assert (merged.scale, merged.min, merged.max) == (whole.scale, whole.min, whole.max)
    assert nonzero(merged.positive) == nonzero(whole.positive)


def nonzero(buckets):
    return {
        index: count for index, count in enumerate(buckets.bucket_counts, buckets.offset) if count
    }


def encoded(kind, copy):
    from opentelemetry.exporter.otlp.proto.common import _log_encoder, metrics_encoder

    encode = {
        "log": lambda it: _log_encoder.encode_logs([it]),
        "metrics": metrics_encoder.encode_metrics,
    }
    return encode[kind](copy).SerializeToString()


@pytest.mark.parametrize("number", [2**70, -(2**64), -1, "x", 1.5])
def test_numbers_that_a_protocol_cannot_carry_fail_no_batch(copies, number):
    log = a_log(body="x")
    log.log_record.trace_id = log.log_record.span_id = log.log_record.trace_flags = number
    log.log_record.timestamp = log.log_record.observed_timestamp = number
    record = copies.converter.log(log_data(a_log(body="x")))
    assert encoded("log", SafeCopies.log(copies, log, record))


@pytest.mark.parametrize("number", [2**70, 2**63])
def test_counts_that_a_protocol_cannot_carry_fail_no_batch(copies, number):
    def record(provider):
        counter = provider.get_meter("lib").create_counter("jobs")
        counter.add(number, {"who": "a"})
        counter.add(1, {"who": "b"})

    assert encoded("metrics", copies.metrics(collected(record)))


# --- Names and sessions are those of the row ----------------------------------------------------


def ended(name="work", scope="lib", **attributes):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer(scope)
    span = tracer.start_span(name, attributes=attributes)
    span.end()
    return span._readable_span()


def spend(names, kind):
    """Use up what ``kind`` has for names that come but once."""
    number = 0
    while names.bounded(kind, f"once {number}") != OTHER:
        number += 1


@pytest.mark.parametrize(
    ("kind", "make", "look"),
    [
        ("span", lambda: ended("new"), lambda copy: copy.name),
        (
            "tool",
            lambda: ended(**{"gen_ai.tool.name": "new"}),
            lambda copy: copy.attributes["gen_ai.tool.name"],
        ),
        (
            "feature",
            lambda: ended(**{"cortex.feature": "new"}),
            lambda copy: copy.attributes["cortex.feature"],
        ),
        (
            "service",
            lambda: ended(**{"cortex.service": "new"}),
            lambda copy: copy.attributes["cortex.service"],
        ),
        (
            "error",
            lambda: ended(**{"error.type": "NewError"}),
            lambda copy: copy.attributes["error.type"],
        ),
        ("scope", lambda: ended(scope="new"), lambda copy: copy.instrumentation_scope.name),
    ],
    ids=["span", "tool", "feature", "service", "error", "scope"],
)
def test_a_name_refused_for_the_row_is_not_asked_for_again(copies, kind, make, look):
    spend(copies.names, kind)
    copies.overflowed.clear()
    assert look(copies.span(make())) == OTHER
    assert copies.overflowed == [kind]


def test_an_event_has_the_name_of_its_row_whatever_spans_are_called(copies):
    spend(copies.names, "span")
    copies.overflowed.clear()
    assert copies.log(a_log(event_name="my.event")).log_record.event_name == "my.event"
    assert copies.overflowed == []


def test_word_and_class_of_an_error_are_both_told(copies):
    attributes = {"error.type": "tool_error", "cortex.exception.type": "ShopClosed"}
    copy = copies.span(ended(**attributes))
    assert attributes.items() <= copy.attributes.items()


def test_a_copy_has_the_session_of_its_row(copies):
    session_id = process_session(str).session_id
    assert copies.span(ended()).attributes["session.id"] == session_id
    assert copies.log(a_log(body="x")).log_record.attributes["session.id"] == session_id
    assert copies.span(ended(**{"mcp.session.id": "ab12"})).attributes["session.id"] == "ab12"
