import json

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from cortex_otel.identity import IdentityResolver
from cortex_otel.process.convert import Converter
from cortex_otel.process.redact import Redactor

CALL = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "search"}


@pytest.fixture
def converter():
    resolver = IdentityResolver()
    redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
    return Converter(redactor, resolver, "mcp")


@pytest.fixture
def tracer():
    return TracerProvider(shutdown_on_exit=False).get_tracer("mcp-python-sdk", "2.3.0")


def ended(tracer, attributes=None, *, kind=SpanKind.SERVER, name="tools/call search", **options):
    span = tracer.start_span(name, kind=kind, attributes=attributes or CALL, **options)
    span.end()
    return span


def test_a_servers_own_span_of_a_call_is_the_event(converter, tracer):
    record = converter.span(ended(tracer))

    assert record.series.event_type == "mcp.tool_call"
    assert record.series.tool_name == record.series.feature == "search"
    assert record.series.name == "tools/call search"
    assert (record.series.result, record.series.level) == ("success", "INFO")
    assert record.context.scope == "mcp-python-sdk@2.3.0"
    assert json.loads(record.context.attributes) == {"mcp.method.name": "tools/call"}


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [(CALL, SpanKind.CLIENT), ({"mcp.method.name": "tools/list"}, SpanKind.SERVER)],
)
def test_other_spans_stay_out_of_product_counts(converter, tracer, attributes, kind):
    assert converter.span(ended(tracer, attributes, kind=kind)).series.event_type == "span"


@pytest.mark.parametrize(
    ("error_type", "result", "level"),
    [
        ("tool_error", "error", "ERROR"),
        ("TimeoutError", "timeout", "ERROR"),
        ("cancelled", "cancelled", "WARNING"),
    ],
)
def test_the_error_type_decides_the_result(converter, tracer, error_type, result, level):
    series = converter.span(ended(tracer, {**CALL, "error.type": error_type})).series

    assert (series.result, series.level, series.error_type) == (result, level, error_type)


def test_a_recorded_exception_becomes_type_and_place(converter, tracer):
    span = tracer.start_span("tools/call search", kind=SpanKind.SERVER, attributes=CALL)
    try:
        raise ValueError("alice@example.com")
    except ValueError as error:
        span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, "alice@example.com"))
    span.end()

    record = converter.span(span)
    assert record.series.error_type == "ValueError"
    assert record.error_message.startswith("ValueError at test_convert:")
    assert "alice" not in repr(record)


def test_an_exception_that_was_handled_is_none(converter, tracer):
    span = tracer.start_span("tools/call search", kind=SpanKind.SERVER, attributes=CALL)
    span.record_exception(ValueError("x"))
    span.end()

    assert converter.span(span).series.result == "success"


def test_a_clock_set_back_makes_no_negative_duration(converter, tracer):
    span = tracer.start_span("x", start_time=2_000_000_000)
    span.end(1_000_000_000)

    assert converter.span(span).duration_nano == 0


def test_the_parent_is_kept(converter, tracer):
    parent = tracer.start_span("parent")
    child = ended(tracer, context=trace.set_span_in_context(parent))

    record = converter.span(child)
    assert record.parent_span_id == parent.get_span_context().span_id
    assert record.trace_id == parent.get_span_context().trace_id


def test_names_are_bounded(converter, tracer):
    names = {
        converter.span(
            ended(tracer, {**CALL, "gen_ai.tool.name": f"tool_{n}"}, name=f"tools/call tool_{n}")
        ).series.tool_name
        for n in range(5000)
    }

    assert len(names) < 2100
    assert "_OTHER" in names


def test_a_span_that_has_not_ended_is_refused(converter, tracer):
    with pytest.raises(ValueError, match="not ended"):
        converter.span(tracer.start_span("x"))
