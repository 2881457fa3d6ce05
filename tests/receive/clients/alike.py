"""Sends what looks alike once it is redacted, with exporters of OpenTelemetry Python.

``python alike.py URL (proto|json)``
"""

import importlib
import sys
import time

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

url, encoding = sys.argv[1:]


def exporter(signal, name, path):
    module = importlib.import_module(f"opentelemetry.exporter.otlp.{encoding}.http.{signal}")
    return getattr(module, name)(endpoint=f"{url}/v1/{path}")


resource = Resource({"service.name": "python-client"})
spans = TracerProvider(resource=resource)
spans.add_span_processor(
    BatchSpanProcessor(exporter("trace_exporter", "OTLPSpanExporter", "traces"))
)
for number in range(10):
    with spans.get_tracer("probe").start_as_current_span("step") as span:
        span.set_attribute("value", float("nan") if number == 4 else number)

logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(
    BatchLogRecordProcessor(exporter("_log_exporter", "OTLPLogExporter", "logs"))
)
now = time.time_ns()
for _ in range(10):
    logs.get_logger("probe").emit(
        LogRecord(
            timestamp=now,
            observed_timestamp=now,
            severity_number=SeverityNumber.INFO,
            body="pressed",
        )
    )

meters = MeterProvider(
    metric_readers=[
        PeriodicExportingMetricReader(exporter("metric_exporter", "OTLPMetricExporter", "metrics"))
    ],
    resource=resource,
)
for number in range(40):
    meters.get_meter("probe").create_counter("calls").add(3, {"tool": f"t{number}"})
for provider in (spans, logs, meters):
    assert provider.force_flush()
    provider.shutdown()
