"""Processors and readers given to configure(): redacted copies too, unless told otherwise."""

from __future__ import annotations

import logging
from contextlib import nullcontext

import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util._once import Once

import cortex_otel
from cortex_otel import guard
from cortex_otel.instrument import request
from cortex_otel.instrument.native_spans import server_span
from cortex_otel.instrument.outcome import judge_error
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.tool_names import ToolNames
from cortex_otel.sdk import configure
from cortex_otel.sdk.extra_exporters import fanout


@pytest.fixture
def own_providers(monkeypatch):
    """The process's providers are set once: here each test has its own."""
    for module, name in (
        (trace, "_TRACER_PROVIDER"), (_logs._internal, "_LOGGER_PROVIDER"),
        (metrics._internal, "_METER_PROVIDER"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, None)
        monkeypatch.setattr(module, f"{name}_SET_ONCE", Once())
    yield
    configure.reset_for_tests()


class Everything:
    def __init__(self, **settings):
        self.spans, self.logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
        self.reader = InMemoryMetricReader()
        cortex_otel.configure(
            span_processors=[SimpleSpanProcessor(self.spans)],
            log_record_processors=[SimpleLogRecordProcessor(self.logs)],
            metric_readers=[self.reader],
            **settings,
        )
        with trace.get_tracer("host").start_as_current_span("work") as span:
            span.set_attributes({"db.statement": "SECRET", "db.system.name": "sqlite"})
            span.set_status(Status(StatusCode.ERROR, "SECRET"))
            _logs.get_logger("host").emit(body="SECRET", attributes={"a": "SECRET"})
        metrics.get_meter("host").create_counter("jobs", description="SECRET").add(
            1, {"who": "SECRET", "gen_ai.tool.name": "tool"}
        )

    def texts(self):
        (span,) = self.spans.get_finished_spans()
        (log,) = self.logs.get_finished_logs()
        return [span.to_json(), log.to_json(), self.reader.get_metrics_data().to_json()]


def test_they_get_redacted_copies(own_providers):
    got = Everything()
    span, log, data = got.texts()
    assert "SECRET" not in span + log + data
    assert '"db.system.name": "sqlite"' in span
    assert "log.body.hash" in log
    assert '"gen_ai.tool.name": "tool"' in data


def test_with_the_loud_switch_they_get_everything_and_it_is_said(own_providers, caplog):
    with caplog.at_level(logging.WARNING, "cortex_otel"):
        got = Everything(other_exporters_get_raw_personal_data=True)
    assert all("SECRET" in text for text in got.texts())
    assert "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA IS ON" in caplog.text
    assert configure.pipeline().others.notes == ["forward:raw code"]


def test_captured_content_is_said_to_reach_exporters_of_the_programs_own(own_providers, caplog):
    with caplog.at_level(logging.WARNING, "cortex_otel"):
        got = Everything(capture_content=True)
    assert "go to the exporters of an OpenTelemetry that the program sets up" in caplog.text
    assert "SECRET" not in "".join(got.texts())


def test_a_processor_may_still_add_attributes_when_a_span_starts(own_providers):
    class Adds(SpanProcessor):
        def on_start(self, span, parent_context=None):
            span.set_attribute("cortex.branch.id", "main")

    exporter = InMemorySpanExporter()
    cortex_otel.configure(span_processors=[Adds(), SimpleSpanProcessor(exporter)])
    trace.get_tracer("host").start_span("work").end()
    (span,) = exporter.get_finished_spans()
    assert span.attributes["cortex.branch.id"] == "main"


def test_one_that_raises_harms_neither_the_host_nor_the_store(own_providers):
    class Raises(SpanProcessor):
        def on_end(self, span):
            raise RuntimeError("SECRET")

    guard.rethrow_in_tests(enabled=False)
    cortex_otel.configure(span_processors=[Raises()])
    trace.get_tracer("host").start_span("work").end()
    assert cortex_otel.force_flush(10_000)
    assert guard.faults() == {"forward.span": 1}


def unknown_tool(name):
    """A call that an MCP library has a span of its own for, by a name that no tool has."""
    known = ToolNames()
    known.learn("tools/call", ["real"])
    peer = Peer("pipe", "2025-06-18", "", "client", "1")
    call = request.begin(known, "tools/call", {"name": name}, 1, {}, peer)
    attributes = {"mcp.method.name": "tools/call", "gen_ai.tool.name": name}
    with server_span(nullcontext(), f"tools/call {name}", attributes=attributes) as span:
        span.set_attribute("error.type", name)
        span.set_status(Status(StatusCode.ERROR, name))
    call.end(judge_error(-32602, ValueError(name), is_known=False))


def test_what_an_mcp_library_wrote_of_an_unknown_tool_is_for_nobody(own_providers):
    exporter = InMemorySpanExporter()
    cortex_otel.configure(span_processors=[SimpleSpanProcessor(exporter)])
    unknown_tool("alice_smith_4111")
    (span,) = exporter.get_finished_spans()
    assert "alice" not in span.to_json()
    assert (span.name, span.attributes["cortex.outcome"]) == ("tools/call", "unknown_tool")


class Remembering:
    """A Beside that remembers."""

    def __init__(self):
        self.spans = []

    def span(self, span, data, record, weight):
        self.spans.append((span, data))


def test_raw_is_a_span_as_the_library_wrote_it(own_providers):
    cortex_otel.configure()
    beside = configure.pipeline().span_processor.beside = Remembering()
    unknown_tool("made_up")
    ((span, data),) = beside.spans
    assert "made_up" not in str(data)
    assert fanout._raw_span(span, data, None, 1.0).attributes["gen_ai.tool.name"] == "made_up"


def test_what_an_exporter_logs_of_itself_is_not_recorded(own_providers):
    """It would be sent, which fails, which is logged …"""
    exporter = InMemoryLogRecordExporter()
    cortex_otel.configure(log_record_processors=[SimpleLogRecordProcessor(exporter)])
    logger = _logs.get_logger("host")
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, "yes"))
    logger.emit(event_name="of.itself")
    detach(token)
    logger.emit(event_name="of.others")
    assert [log.log_record.event_name for log in exporter.get_finished_logs()] == ["of.others"]
