"""A sender that floods the receiver with names takes the place of nobody else's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from receiver_kit import request, span

from cortex_otel.process import budget
from cortex_otel.process.budget import LIMITS, Limit
from cortex_otel.receive.intake import Intake
from cortex_otel.receive.records import MalformedError
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.stored_names import stored_names

AT_ONCE = 40
MOST = AT_ONCE - AT_ONCE // 4
CALL = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "search"}


def send_spans(server, service, spans):
    """All of them in one request, by the SDK's own exporter."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("lib")
    for name, attributes in spans:
        tracer.start_span(name, kind=SpanKind.SERVER, attributes=attributes).end()
    exporter = OTLPSpanExporter(endpoint=f"{server.url}/v1/traces")
    assert exporter.export(kept.get_finished_spans()) is SpanExportResult.SUCCESS
    exporter.shutdown()


def send_metrics(server, service, names):
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{server.url}/v1/metrics"), export_interval_millis=1e9
    )
    resource = Resource({"service.name": service})
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    for name in names:
        provider.get_meter("m").create_counter(name).add(1)
    provider.shutdown()  # which exports once more


def send_event(server, service, name, attributes):
    provider = LoggerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    exporter = OTLPLogExporter(endpoint=f"{server.url}/v1/logs")
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("lib").emit(event_name=name, attributes=attributes)
    provider.shutdown()


@pytest.mark.system
def test_the_product_keeps_its_names_in_a_flood(server):
    """By the exporters of OpenTelemetry: one request of 2,100 spans, then the product's own."""
    send_spans(server, "shop", [(f"SELECT {n}", None) for n in range(2100)])
    send_metrics(server, "shop", [f"metric.{n}" for n in range(2100)])
    for service in ("shop", "cortex-mcp"):
        send_spans(server, service, [("tools/call search", {**CALL, "cortex.service": "mcp"})])
        send_event(
            server,
            service,
            "ext.ui_interaction",
            {
                "cortex.ui.action": "click",
                "cortex.ui.element": "open",
                "cortex.service": "extension",
            },
        )
        send_metrics(server, service, ["mcp.server.operation.duration"])

    rows = server.rows(
        "SELECT service, event_type, name, tool_name, feature, count(*) n FROM telemetry_events"
        " WHERE event_type <> 'span' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("extension", "ext.ui_interaction", "ext.ui_interaction", None, "click open", 2),
        ("mcp", "mcp.tool_call", "tools/call search", "search", "search", 2),
    ]
    points = server.rows(
        "SELECT service FROM telemetry_metrics"
        " WHERE metric_name = 'mcp.server.operation.duration' ORDER BY 1"
    )
    assert [row["service"] for row in points] == ["cortex-mcp", "shop"]
    ledger = server.ledger()
    # A token or two are earned on the way.
    assert ledger["name|overflowed|span"] == pytest.approx(600, abs=5)
    assert ledger["name|overflowed|metric"] == pytest.approx(2100 - 750, abs=5)
    assert ledger["event|received|"] == ledger["event|stored|"] == 2104
    assert ledger["metric|received|"] == ledger["metric|stored|"] == 2102
    assert not [key for key in ledger if "dropped" in key]


@pytest.mark.system
def test_a_restart_knows_the_names_of_the_store(make_server):
    first = make_server()
    send_spans(first, "shop", [("tools/call search", CALL), ("SELECT 1", None)])
    send_metrics(first, "shop", ["orders", "returns"])
    first.stop()
    names = stored_names(first.database)
    assert {"search"} == names["tool"] == names["feature"]
    assert {"tools/call search", "SELECT 1"} == names["span"]
    assert {"orders", "returns"} == names["metric"]
    assert {"shop"} == names["service"]
    second = make_server(first.home)
    flood = [(f"x {n}", {**CALL, "gen_ai.tool.name": f"tool {n}"}) for n in range(1100)]
    send_spans(second, "other", flood)
    send_spans(second, "other", [("tools/call search", CALL)])
    (row,) = second.rows("SELECT tool_name FROM telemetry_events ORDER BY id DESC LIMIT 1")
    assert row["tool_name"] == "search"


def test_the_numbers_of_the_documentation():
    text = (Path(__file__).parents[2] / "docs/how-to/receiver.md").read_text(encoding="utf-8")
    most = f"{LIMITS['span'].at_once:,} spans, {LIMITS['tool'].at_once:,} tools, features and"
    assert most in text
    assert f"metrics, {LIMITS['error'].at_once} classes of error" in text
    kinds = ("span", "tool", "feature", "metric", "error")
    assert all(LIMITS[kind].at_once == 2 * LIMITS[kind].a_day for kind in kinds)
    assert LIMITS["tool"] == LIMITS["feature"] == LIMITS["metric"]


def test_without_a_store_no_names_are_known(tmp_path):
    assert stored_names(tmp_path / "none.db") == {}
    (tmp_path / "broken.db").write_bytes(b"broken" * 1000)
    assert stored_names(tmp_path / "broken.db") == {}


class Receiver:
    """What becomes of requests, without a server around."""

    def __init__(self, **settings):
        self.intake = Intake(read_environment({}, overrides=settings))
        self.noted = Counter()

    def spans(self, *spans, **resource):
        return self._rows("traces", request(*spans, resource=resource))

    def _rows(self, signal, body):
        (part,) = self.intake.parts(signal, json.dumps(body).encode(), is_json=True)
        for entry, number in part.ledger.items():
            if entry[1] == "overflowed":
                self.noted[entry[2]] += number
        return part.records


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(
        budget,
        "LIMITS",
        {**dict.fromkeys(LIMITS, Limit(AT_ONCE, AT_ONCE // 2)), "series": LIMITS["series"]},
    )
    monkeypatch.setattr(budget, "_MAX_SEEN", 20)


#: By kind: the n-th span and resource with another name of it, and where the row has it.
FLOODS = {
    "span": (lambda n: (span(n + 1, name=f"SELECT {n}"), {}), lambda row: row.series.name),
    "tool": (
        lambda n: (span(n + 1, told={"gen_ai.tool.name": f"tool {n}"}), {}),
        lambda row: row.series.tool_name,
    ),
    "feature": (
        lambda n: (span(n + 1, told={"cortex.feature": f"feature {n}"}), {}),
        lambda row: row.series.feature,
    ),
    "service": (
        lambda n: (span(n + 1, told={"cortex.service": f"service-{n}"}), {}),
        lambda row: row.series.service,
    ),
    "project": (
        lambda n: (span(n + 1), {"cortex.project.id": f"project-{n}"}),
        lambda row: row.context.project_id,
    ),
    "resource": (
        lambda n: (span(n + 1), {"deployment.environment.name": f"prod-{n}"}),
        lambda row: row.context.resource,
    ),
    "platform": (
        lambda n: (span(n + 1), {"cortex.ide": f"ide-{n}"}),
        lambda row: row.session.ide,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.usefixtures("small")
def test_one_sender_takes_no_other_s_place(kind):
    made, found = FLOODS[kind]
    receiver = Receiver()
    for n in range(MOST + 60):
        one, resource = made(n)
        (row,) = receiver.spans(one, **{"service.name": "shop", **resource})
        assert ("_OTHER" in found(row)) is (n >= MOST - (kind == "service")), n
    assert receiver.noted[kind] >= 60
    for other, (make, find) in FLOODS.items():
        one, resource = make(9_999)
        (row,) = receiver.spans(one, **{"service.name": "bakery", **resource})
        assert "_OTHER" not in str(row), other
        assert find(row)


@pytest.mark.usefixtures("small")
def test_what_was_too_much_for_a_resource_is_not_remembered():
    receiver = Receiver()
    for n in range(MOST + 5):
        receiver.spans(span(n + 1), **{"service.name": "shop", "cortex.ide": f"ide-{n}"})
    told = {"service.name": "shop", "cortex.ide": "vscode"}
    rows = [receiver.spans(span(n + 900), **told)[0] for n in range(3)]
    assert [row.session.ide for row in rows] == ["_OTHER", "vscode", "vscode"]
    assert rows[0].session.server_name == "_OTHER"


@pytest.mark.usefixtures("small")
def test_many_made_up_senders_share_one_budget():
    receiver = Receiver(receiver_services="bakery=web")
    services, names = set(), set()
    for n in range(MOST * 20):
        (row,) = receiver.spans(span(n + 1, name=f"SELECT {n}"), **{"service.name": f"fake-{n}"})
        services.add(row.series.service)
        names.add(row.series.name)
    # Each of those with budgets of their own, all others together, and _OTHER.
    assert len(services) <= 2 * MOST + 1
    assert len(names) <= 2 * MOST + 1
    assert len(receiver.intake.senders._budgets._own) == MOST
    (row,) = receiver.spans(span(1, name="bread", told=CALL), **{"service.name": "bakery"})
    assert (row.series.service, row.series.name) == ("web", "bread")
    for _ in range(2):
        (row,) = receiver.spans(span(1, name="bread"), **{"service.name": "quite-new"})
    assert (row.series.service, row.series.name) == ("quite-new", "bread")


@pytest.mark.usefixtures("small")
def test_a_malformed_request_notes_nothing():
    receiver = Receiver()
    body = request(*[span(n + 1, name=f"SELECT {n}") for n in range(AT_ONCE)])
    cut_off = json.dumps(body).encode()[:-20]
    with pytest.raises(MalformedError):
        list(receiver.intake.parts("traces", cut_off, is_json=True))
    receiver.spans(span(1, name="SELECT 1"), **{"service.name": "shop"})
    assert not receiver.noted
