from __future__ import annotations

import os

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExportResult,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from store_kit import SERIES, count, held, ledger, point, record, rows, verify, wait_for

from cortex_otel.span.metric_internals import forget_counted
from cortex_otel_exporters.sqlite.exporters import (
    SqliteLogRecordExporter,
    SqliteMetricExporter,
    SqliteMetricReader,
    SqliteSpanExporter,
)


def of_span(span):
    if span.name == "bad":
        raise ValueError(span.name)
    if span.name == "not ours":
        return None
    return record(
        time_unix_nano=span.start_time,
        duration_nano=span.end_time - span.start_time,
        series=SERIES._replace(name=span.name),
        trace_id=span.context.trace_id,
        span_id=span.context.span_id,
        parent_span_id=span.parent.span_id if span.parent else 0,
    )


def of_log(readable):
    log = readable.log_record
    return record(
        time_unix_nano=log.timestamp,
        duration_nano=None,
        trace_id=0,
        span_id=0,
        series=SERIES._replace(name=log.event_name, kind="event"),
    )


def of_metrics(data):
    return [
        point(
            at.time_unix_nano,
            time_unix_nano=at.time_unix_nano,
            name=metric.name,
            unit=metric.unit or "",
            value=getattr(at, "value", None) or at.sum / at.count,
        )
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for at in metric.data.data_points
    ]


def test_spans_through_the_stock_batch_processor(path, writer):
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(SqliteSpanExporter(writer, of_span)))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer"):
        for name in ("inner", "bad", "not ours"):
            tracer.start_span(name).end()
    assert provider.force_flush()
    provider.shutdown()
    assert writer.force_flush()  # the sink outlives its exporters
    (outer,) = rows(path, "SELECT span_id FROM telemetry_events WHERE name = 'outer'")
    assert rows(path, "SELECT parent_span_id FROM telemetry_events WHERE name = 'inner'") == [outer]
    assert ledger(path) == {"received": 3, "stored": 2, "dropped|invalid": 1}
    verify(path)


def test_log_events_through_the_stock_batch_processor(path, writer):
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(SqliteLogRecordExporter(writer, of_log))
    )
    provider.get_logger("test").emit(
        timestamp=123, severity_number=SeverityNumber.INFO, event_name="ext.error"
    )
    provider.shutdown()
    assert writer.force_flush()
    assert rows(path, "SELECT timestamp, name, kind, duration_ms FROM telemetry_events") == [
        (123, "ext.error", "event", None)
    ]


@pytest.mark.parametrize("with_our_reader", [True, False])
def test_metrics_through_the_stock_reader_and_through_ours(path, writer, with_our_reader):
    if with_our_reader:
        reader = SqliteMetricReader(of_metrics, forget_counted)
        writer.add_metric_source(reader.points)
    else:
        reader = PeriodicExportingMetricReader(SqliteMetricExporter(writer, of_metrics))
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    for _ in range(2):  # deltas: each collection says what happened since the last
        meter.create_counter("calls", "1").add(3)
        meter.create_histogram("duration", "s").record(0.25)
        if not with_our_reader:
            assert provider.force_flush()
        writer.submit(record())
        assert writer.force_flush()
    stored = rows(path, "SELECT metric_name, value FROM telemetry_metrics ORDER BY id")
    assert sorted(stored) == [("calls", 3.0)] * 2 + [("duration", 0.25)] * 2
    provider.shutdown()
    verify(path)


@pytest.mark.system
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
# Python 3.12 and later warn about what this test is about.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_was_counted_before_a_fork_is_the_parents_alone():
    reader = SqliteMetricReader(
        lambda data: [
            (metric.name, each.value)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for each in metric.data.data_points
        ],
        forget_counted,
    )
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    calls, total = meter.create_counter("calls", "1"), [100]
    meter.create_observable_counter("total", [lambda _: [Observation(total[0])]], "1")

    def collected():
        return {name: value for name, value in reader.points() if value}

    assert collected() == {"total": 100}
    calls.add(10)
    child = os.fork()
    if child == 0:
        calls.add(1)
        total[0] += 5
        os._exit(0 if collected() == {"calls": 1, "total": 5} else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert collected() == {"calls": 10}


def test_exporters_say_failure_when_something_was_dropped(path, make_writer):
    writer = make_writer(queue_size=64)
    exporter = SqliteSpanExporter(writer, lambda _: record())
    with writer.store_lock:
        assert exporter.export([None] * 10) is SpanExportResult.SUCCESS
        wait_for(lambda: writer._buffer.batch)
        assert exporter.export([None] * 100) is SpanExportResult.FAILURE
    logs = SqliteLogRecordExporter(writer, lambda _: 1 / 0)
    assert logs.export([None]) is LogRecordExportResult.FAILURE
    metrics = SqliteMetricExporter(writer, lambda _: 1 / 0)
    assert metrics.export(MetricsData([])) is MetricExportResult.FAILURE
    assert exporter.force_flush()
    assert ledger(path)["dropped|invalid"] == 1
    assert ledger(path, "metric") == {"received": 1, "dropped|invalid": 1}
    verify(path)


def test_exporters_flush_truthfully(path, writer):
    exporter = SqliteSpanExporter(writer, lambda _: record())
    exporter.export([None])
    assert exporter.force_flush()
    assert count(path) == 1
    with held(path):
        exporter.export([None])
        assert not exporter.force_flush(100)
    assert exporter.force_flush()
