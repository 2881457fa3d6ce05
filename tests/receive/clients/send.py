"""Sends spans, log records and metrics with an exporter of OpenTelemetry Python.

``python send.py URL (proto|json) (gzip|none)``
"""

import importlib
import logging
import os
import sys

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

url, encoding, compression = sys.argv[1:]
os.environ["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
logging.basicConfig(level=logging.WARNING)


def exporter(signal, name):
    module = importlib.import_module(f"opentelemetry.exporter.otlp.{encoding}.http.{signal}")
    path = {"trace_exporter": "traces", "_log_exporter": "logs", "metric_exporter": "metrics"}[
        signal
    ]
    return getattr(module, name)(endpoint=f"{url}/v1/{path}")


resource = Resource.create({"service.name": "python-client", "cortex.user.tier": "trial"})
spans = TracerProvider(resource=resource)
spans.add_span_processor(BatchSpanProcessor(exporter("trace_exporter", "OTLPSpanExporter")))
tracer = spans.get_tracer("probe", "1.0")
with tracer.start_as_current_span("handle", kind=SpanKind.SERVER, attributes={"user.id": "joe"}):
    for number in range(20):
        try:
            with tracer.start_as_current_span("step") as span:
                span.set_attributes({"gen_ai.operation.name": "chat", "list": ["a"], "n": number})
                if number == 7:
                    raise ValueError("secret words")
        except ValueError:
            pass

logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(exporter("_log_exporter", "OTLPLogExporter")))
logger = logs.get_logger("probe")
for number in range(10):
    logger.emit(
        LogRecord(
            timestamp=1_790_000_000_000_000_000 + number,
            severity_number=SeverityNumber.INFO,
            event_name="ext.code_insert",
            attributes={"cortex.code.language": "python", "cortex.code.lines_inserted": 2},
        )
    )
logger.emit(LogRecord(severity_number=SeverityNumber.WARN, body="secret words"))

reader = PeriodicExportingMetricReader(exporter("metric_exporter", "OTLPMetricExporter"))
meters = MeterProvider(metric_readers=[reader], resource=resource)
meters.get_meter("probe").create_counter("clicks").add(3, {"secret": "words"})
meters.get_meter("probe").create_histogram("took", "ms").record(12.5)
for provider in (spans, logs, meters):
    assert provider.force_flush()
    provider.shutdown()
