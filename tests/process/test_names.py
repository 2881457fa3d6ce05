"""What becomes of names beyond their budget: which ones, for how long, and that it is counted."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from cortex_otel import instrument_tool
from cortex_otel.cli import main
from cortex_otel.commands.status import collect
from cortex_otel.identity import IdentityResolver
from cortex_otel.process import budget
from cortex_otel.process.budget import LIMITS, Limit
from cortex_otel.process.convert import Converter
from cortex_otel.process.from_sdk import log_data, span_data
from cortex_otel.process.names import Names
from cortex_otel.process.redact import Redactor
from cortex_otel.settings import read_environment
from cortex_otel.span.provider import LeanTracerProvider
from cortex_otel_exporters.sqlite.reader import open_reader

AT_ONCE, A_DAY = 40, 20
MOST = AT_ONCE - AT_ONCE // 4  # of names that come once
CALL = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "search"}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Process:
    """A converter of its own, and what it has counted."""

    def __init__(self, provider_class=LeanTracerProvider):
        self.clock = Clock()
        self.overflowed = Counter()
        resolver = IdentityResolver()
        redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
        names = Names(redactor.name, lambda kind: self.overflowed.update([kind]), clock=self.clock)
        self.converter = Converter(redactor, resolver, "mcp", names=names)
        self._provider = provider_class(
            resource=Resource({"service.name": "s"}), shutdown_on_exit=False
        )
        self._tracers = {}

    def span(self, name="work", attributes=None, *, scope="lib", failed=False):
        if scope not in self._tracers:
            self._tracers[scope] = self._provider.get_tracer(scope)
        span = self._tracers[scope].start_span(name, kind=SpanKind.SERVER, attributes=attributes)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
        return self.converter.span(span_data(span))

    def metric(self, name, unit="1"):
        reader = InMemoryMetricReader()
        provider = MeterProvider([reader], shutdown_on_exit=False)
        provider.get_meter("m").create_counter(name, unit).add(1)
        (row,) = self.converter.metrics(reader.get_metrics_data())
        return row


@pytest.fixture(params=[LeanTracerProvider, TracerProvider])
def process(request, monkeypatch):
    monkeypatch.setattr(budget, "_declared", {"tool": set(), "prompt": set()})
    monkeypatch.setattr(budget, "_MAX_SEEN", 20)
    monkeypatch.setattr(
        budget,
        "LIMITS",
        {**dict.fromkeys(LIMITS, Limit(AT_ONCE, A_DAY)), "series": LIMITS["series"]},
    )
    return Process(request.param)


#: By kind: the n-th span that has another name of it, and where the row has it.
FLOODS = {
    "span": (lambda n: {"name": f"SELECT {n}"}, lambda row: row.series.name),
    "tool": (
        lambda n: {"attributes": {"gen_ai.tool.name": f"tool {n}"}},
        lambda row: row.series.tool_name,
    ),
    "feature": (
        lambda n: {"attributes": {"cortex.feature": f"feature {n}"}},
        lambda row: row.series.feature,
    ),
    "category": (
        lambda n: {
            "attributes": {
                "cortex.event.type": "mcp.ontology_classify",
                "cortex.ontology.category": f"c{n}",
                "cortex.feature": f"c{n}",
            }
        },
        lambda row: row.series.feature,
    ),
    "service": (
        lambda n: {"attributes": {"cortex.service": f"service-{n}"}},
        lambda row: row.series.service,
    ),
    "error": (
        lambda n: {"attributes": {"error.type": f"Error{n}"}, "failed": True},
        lambda row: row.series.error_type,
    ),
    "method": (
        lambda n: {"name": f"m/{n}", "attributes": {"mcp.method.name": f"m/{n}"}},
        lambda row: row.series.name,
    ),
    "prompt": (
        lambda n: {
            "name": f"prompts/get p{n}",
            "attributes": {"mcp.method.name": "prompts/get", "gen_ai.prompt.name": f"p{n}"},
        },
        lambda row: row.series.name.removeprefix("prompts/get "),
    ),
    "route": (
        lambda n: {"name": f"GET /r/{n}", "attributes": {"http.route": f"/r/{n}"}},
        lambda row: row.series.name,
    ),
    "scope": (lambda n: {"scope": f"scope {n}"}, lambda row: row.context.scope),
    "project": (
        lambda n: {"attributes": {"cortex.project.id": f"p{n}"}},
        lambda row: row.context.project_id,
    ),
    "branch": (
        lambda n: {"attributes": {"cortex.branch.id": f"b{n}"}},
        lambda row: row.context.branch_id,
    ),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_one_kind_takes_no_other_s_place(process, kind):
    made, found = FLOODS[kind]
    for n in range(MOST + 60):
        assert (found(process.span(**made(n))) == "_OTHER") is (n >= MOST), n
    assert process.overflowed == {kind: 60}

    instrument_tool(name="search")(lambda: None)
    call = process.span("tools/call search", CALL)
    assert call.series[1:5] == ("mcp.tool_call", "tools/call search", "search", "search")
    assert process.span("mcp.search_context").series.name == "mcp.search_context"
    metric = process.metric("mcp.server.operation.duration", "s")
    assert (metric.name, metric.unit, metric.service) == (
        "mcp.server.operation.duration",
        "s",
        "mcp",
    )
    assert process.metric("shop.orders", "{order}").name == "shop.orders"
    for other, (make, find) in FLOODS.items():
        row = process.span(**make(9_999))
        assert (find(row) == "_OTHER") is (other == kind), other
        assert find(process.span(**make(9_999))) != "_OTHER", "the second time it is one in use"


@pytest.mark.parametrize("kind", FLOODS)
def test_what_was_stored_before_stays_so_and_the_rest_recovers(process, kind):
    made, found = FLOODS[kind]
    for _ in range(2):
        for n in range(AT_ONCE + 50):
            process.span(**made(n))
    assert found(process.span(**made(1))) != "_OTHER"
    assert found(process.span(**made(9_999))) == "_OTHER"
    process.clock.now += 86_400 / A_DAY + 1
    assert found(process.span(**made(9_999))) != "_OTHER"


def test_metrics_have_budgets_of_their_own(process):
    names = {process.metric(f"metric.{n}").name for n in range(MOST + 10)}
    assert len(names) == MOST + 1
    assert process.overflowed == {"metric": 10}
    assert process.metric("mcp.server.operation.duration").name == "mcp.server.operation.duration"
    assert process.metric("mcp.server.session.duration", "{new}").unit == "{new}"


def test_contexts_beyond_their_budget_stay_with_their_events(process):
    def row(n):
        return process.span("work", {"cortex.client.version": f"v{n}"})

    rows = [row(n) for n in range(AT_ONCE)]
    assert rows[0].context.attributes == '{"cortex.client.version":"v0"}'
    assert rows[-1].context.attributes == "{}"
    assert rows[-1].event_data["cortex.client.version"] == f"v{AT_ONCE - 1}"
    assert row(9_999).event_data
    assert row(9_999).context.attributes == '{"cortex.client.version":"v9999"}'
    assert not process.overflowed, "nothing is lost"


def test_combinations_too_many_keep_what_is_the_product_s_own(process, monkeypatch):
    instrument_tool(name="search")(lambda: None)
    monkeypatch.setitem(budget.LIMITS, "series", Limit(AT_ONCE, A_DAY))
    process = Process()
    side = 10
    for n in range(side):
        for m in range(side):
            attributes = {"error.type": f"Error{m}", "cortex.feature": f"f{n}"}
            process.span(f"SELECT {n}", attributes, failed=True)
    assert process.overflowed == {"series": side * side - MOST}
    failed = {**CALL, "error.type": "NewError"}
    call = process.span("tools/call search", failed, failed=True).series
    assert call[1:5] == ("mcp.tool_call", "tools/call search", "search", "search")
    assert (call.error_type, call.result) == ("_OTHER", "error")
    assert process.span("tools/call search", failed, failed=True).series.error_type == "NewError"


def test_a_row_made_in_a_flood_is_not_what_later_calls_get(process):
    for n in range(AT_ONCE):
        process.span(attributes={**CALL, "gen_ai.tool.name": f"tool {n}"})
    before = sum(process.overflowed.values())
    rows = [process.span("tools/call mine", {**CALL, "gen_ai.tool.name": "mine"}) for _ in range(3)]
    assert [row.series.tool_name for row in rows] == ["_OTHER", "mine", "mine"]
    assert sum(process.overflowed.values()) == before + 1


def test_a_tool_that_is_called_all_the_time_is_not_forgotten_for_want_of_use(process):
    """Its rows come from memory: the budget of names doesn't see it."""
    mine = {**CALL, "gen_ai.tool.name": "mine"}
    process.span("tools/call mine", mine)
    for n in range(AT_ONCE * 3):
        process.clock.now += 86_400 / A_DAY
        process.span(attributes={"gen_ai.tool.name": f"tool {n}"})
        process.span("tools/call mine", mine)
    process.converter.use_resolver(IdentityResolver())  # who forgets all rows
    for _ in range(2):
        for n in range(2 * AT_ONCE):
            process.span(attributes={"gen_ai.tool.name": f"more {n}"})
    assert process.span("tools/call mine", mine).series.tool_name == "mine"


def test_an_unknown_name_is_no_overflow(process):
    row = process.span("tools/call x", {**CALL, "gen_ai.tool.name": "/home/alice"})
    assert row.series.tool_name == "_OTHER"
    assert not process.overflowed


class ToConverter(LogRecordProcessor):
    def __init__(self, converter):
        self.rows = []
        self._converter = converter

    def on_emit(self, log_record):
        self.rows.append(self._converter.log(log_data(log_record)))

    def shutdown(self): ...

    def force_flush(self, timeout_millis=0):
        return True


def test_events_of_others_take_no_place_of_spans_or_the_product_s(process):
    provider = LoggerProvider(shutdown_on_exit=False)
    rows = ToConverter(process.converter)
    provider.add_log_record_processor(rows)
    logger = provider.get_logger("lib")
    for n in range(AT_ONCE):
        logger.emit(event_name=f"event {n}")
    logger.emit(event_name="ext.ui_interaction")
    assert rows.rows[-2].series.name == "_OTHER"
    assert rows.rows[-1].series.name == "ext.ui_interaction"
    assert process.span("quite new").series.name == "quite new"


HOST = """
import cortex_otel
from opentelemetry import metrics, trace

cortex_otel.configure(service="web")
tracer = trace.get_tracer("sqlalchemy")
meter = metrics.get_meter("shop")
for n in range(2100):
    tracer.start_span(f"SELECT {n}").end()
    tracer.start_span("llm", attributes={"gen_ai.tool.name": f"tool {n}"}).end()
    meter.create_counter(f"counter.{n}").add(1)

@cortex_otel.instrument_tool
def find_books():
    return 1

find_books()
cortex_otel.events.search_context(query="q", results=1)
cortex_otel.events.ui_interaction(action="click", element="open")
assert cortex_otel.force_flush(60_000)
"""


def test_in_a_real_process_the_product_keeps_its_names_and_status_tells(monkeypatch, capsys):
    done = subprocess.run(
        [sys.executable, "-c", HOST], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    settings = read_environment()
    connection = open_reader(settings.database)
    rows = connection.execute(
        "SELECT event_type, name, tool_name, feature, service FROM telemetry_events"
        " WHERE event_type <> 'span' ORDER BY id"
    ).fetchall()
    connection.close()
    assert rows == [
        ("mcp.tool_call", "tools/call find_books", "find_books", "find_books", "web"),
        ("mcp.search_context", "mcp.search_context", None, None, "web"),
        ("ext.ui_interaction", "ext.ui_interaction", None, "click open", "extension"),
    ]
    facts = collect(settings)
    ledger = facts["ledger"]["event"]
    assert ledger["received"] == ledger["stored"] == 2 * 2100 + 3
    told = facts["noted"]["name"]["overflowed"]
    # A token or two are earned on the way.
    assert told["span"] == pytest.approx(2100 - 1500, abs=5)
    assert told["tool"] == pytest.approx(2100 - 750, abs=5)
    for lang, label in (("en", "Stored as _OTHER"), ("ko", "_OTHER로 저장")):
        monkeypatch.setenv("CORTEX_OTEL_LANG", lang)
        assert main(["status"]) == 0
        (line,) = (one for one in capsys.readouterr().out.splitlines() if label in one)
        assert f"span {told['span']}" in line
