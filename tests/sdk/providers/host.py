"""Common start of each host: its own SDK that keeps everything, and a report at the end."""

# ruff: noqa: F401, T201 - scripts follow here, and report on stdout
import contextlib
import json
import os
import sqlite3
from pathlib import Path

from opentelemetry import _logs, metrics, trace
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased

SPANS, LOGS, READER = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader()
EARLY = trace.get_tracer("early")


def set_up(sampler=None):
    """What a host does that brings its own OpenTelemetry."""
    resource = Resource.create({"service.name": "host"})
    tracers = TracerProvider(resource=resource, sampler=sampler)
    tracers.add_span_processor(SimpleSpanProcessor(SPANS))
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(LOGS))
    trace.set_tracer_provider(tracers)
    _logs.set_logger_provider(loggers)
    metrics.set_meter_provider(MeterProvider([READER], resource=resource))
    return tracers


def span(tracer, name):
    with tracer.start_as_current_span(name):
        pass


def theirs():
    """Names of what the host's own exporters have."""
    data = READER.get_metrics_data()
    return {
        "spans": [one.name for one in SPANS.get_finished_spans()],
        "resources": sorted({
            one.resource.attributes["service.name"] for one in SPANS.get_finished_spans()
        }),
        "types": sorted({type(one).__name__ for one in SPANS.get_finished_spans()}),
        "logs": [one.log_record.event_name for one in LOGS.get_finished_logs()],
        "metrics": {
            metric.name: sum(
                getattr(point, "count", 0) or getattr(point, "value", 0)
                for point in metric.data.data_points
            )
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        },
    }  # fmt: skip


def ours():
    """The same of the local store."""
    import cortex_otel

    cortex_otel.shutdown(120_000)
    database = Path(os.environ["CORTEX_OTEL_HOME"], "cortex.db")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        ask = connection.execute
        return {
            "spans": [row[0] for row in ask(
                "SELECT name FROM telemetry_events WHERE kind != 'event' ORDER BY timestamp")],
            "logs": [row[0] for row in ask(
                "SELECT name FROM telemetry_events WHERE kind = 'event' ORDER BY timestamp")],
            "metrics": dict(ask(
                "SELECT metric_name, sum(coalesce(count, value)) FROM telemetry_metrics GROUP BY 1"
            )),
            "providers": ask(
                "SELECT outcome, reason FROM ledger WHERE signal = 'provider' ORDER BY reason"
            ).fetchall(),
        }  # fmt: skip


def report(**more):
    print(json.dumps({"theirs": theirs(), "ours": ours(), **more}))
