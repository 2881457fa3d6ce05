"""A server with Logfire, Sentry or ddtrace beside us; prints what each side has. See test_peers."""
# ruff: noqa: T201 - the report

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path

from opentelemetry import metrics, trace

peer, first, how = sys.argv[1:]
got = []


def set_up_logfire():
    import logfire
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    for _ in range(2):  # a second time it exchanges what stands behind its providers
        exporter = InMemorySpanExporter()
        logfire.configure(
            send_to_logfire=False,
            console=False,
            service_name="host",
            inspect_arguments=False,
            additional_span_processors=[SimpleSpanProcessor(exporter)],
        )
    return lambda: [span.name for span in exporter.get_finished_spans()]


def set_up_sentry():
    import sentry_sdk
    from sentry_sdk.integrations.opentelemetry.integration import OpenTelemetryIntegration

    class Kept(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope):
            for item in envelope.items:
                if item.type == "transaction":
                    told = item.payload.json
                    got.extend(span["description"] for span in told["spans"])
                    got.append(told["transaction"])

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=Kept,
        traces_sample_rate=1.0,
        instrumenter="otel",
        integrations=[OpenTelemetryIntegration()],
        default_integrations=False,
    )
    return lambda: sentry_sdk.flush() or got


def set_up_ddtrace():
    import ddtrace.auto  # noqa: F401 - sets it up
    from ddtrace.trace import TraceFilter, tracer

    class Kept(TraceFilter):
        def process_trace(self, trace):
            got.extend(span.resource for span in reversed(trace))

    tracer.configure(trace_processors=[Kept()])
    return lambda: got


def set_up_ours():
    if how == "code":
        import cortex_otel

        cortex_otel.configure()


early = trace.get_tracer("early")
if first == "ours":
    set_up_ours()
before = trace.get_tracer("before")
theirs = globals()[f"set_up_{peer}"]()
if first == "theirs":
    set_up_ours()

import cortex_otel  # noqa: E402


def tool():
    trace.get_current_span().set_attribute("db.system.name", "sqlite")


def failing():
    raise ValueError("planted-secret")


with early.start_as_current_span("of a proxy"):
    pass
with (
    before.start_as_current_span("outer"),
    trace.get_tracer("after").start_as_current_span("inner"),
):
    pass
with contextlib.suppress(KeyError), before.start_as_current_span("failed"):
    raise KeyError("planted-secret")
cortex_otel.instrument_tool(tool)()
with contextlib.suppress(ValueError):
    cortex_otel.instrument_tool(failing)()
metrics.get_meter("after").create_counter("counter").add(2)

found = list(theirs())  # before what is asked for below, which ddtrace sees too
cortex_otel.shutdown(10_000)
database = Path(os.environ["CORTEX_OTEL_HOME"], "cortex.db")
with contextlib.closing(sqlite3.connect(database)) as connection:
    ask = connection.execute
    rows = ask(
        "SELECT name, event_type, result, span_id, parent_span_id, event_data "
        "FROM telemetry_events ORDER BY timestamp"
    ).fetchall()
    points = dict(
        ask("SELECT metric_name, sum(coalesce(count, value)) FROM telemetry_metrics GROUP BY 1")
    )
    noted = ask("SELECT outcome, reason FROM ledger WHERE signal = 'provider'").fetchall()
print(json.dumps({"theirs": found, "rows": rows, "points": points, "noted": noted}))
