import json

import pytest
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind, Status, StatusCode

from cortex_otel.identity import IdentityResolver
from cortex_otel.process.convert import Converter
from cortex_otel.process.from_sdk import log_data, span_data
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
    record = converter.span(span_data(ended(tracer)))

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
    record = converter.span(span_data(ended(tracer, attributes, kind=kind)))
    assert record.series.event_type == "span"


@pytest.mark.parametrize(
    ("error_type", "result", "level"),
    [
        ("tool_error", "error", "ERROR"),
        ("TimeoutError", "timeout", "ERROR"),
        ("cancelled", "cancelled", "WARNING"),
    ],
)
def test_the_error_type_decides_the_result(converter, tracer, error_type, result, level):
    series = converter.span(span_data(ended(tracer, {**CALL, "error.type": error_type}))).series

    assert (series.result, series.level, series.error_type) == (result, level, error_type)


def test_a_recorded_exception_becomes_type_and_place(converter, tracer):
    span = tracer.start_span("tools/call search", kind=SpanKind.SERVER, attributes=CALL)
    try:
        raise ValueError("alice@example.com")
    except ValueError as error:
        span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, "alice@example.com"))
    span.end()

    record = converter.span(span_data(span))
    assert record.series.error_type == "ValueError"
    assert record.error_message.startswith("ValueError at test_convert:")
    assert "alice" not in repr(record)


def test_an_exception_that_was_handled_is_none(converter, tracer):
    span = tracer.start_span("tools/call search", kind=SpanKind.SERVER, attributes=CALL)
    span.record_exception(ValueError("x"))
    span.end()

    assert converter.span(span_data(span)).series.result == "success"


def test_a_clock_set_back_makes_no_negative_duration(converter, tracer):
    span = tracer.start_span("x", start_time=2_000_000_000)
    span.end(1_000_000_000)

    assert converter.span(span_data(span)).duration_nano == 0


def test_the_parent_is_kept(converter, tracer):
    parent = tracer.start_span("parent")
    child = ended(tracer, context=trace.set_span_in_context(parent))

    record = converter.span(span_data(child))
    assert record.parent_span_id == parent.get_span_context().span_id
    assert record.trace_id == parent.get_span_context().trace_id


def test_names_are_bounded(converter, tracer):
    names = {
        converter.span(
            span_data(
                ended(
                    tracer, {**CALL, "gen_ai.tool.name": f"tool_{n}"}, name=f"tools/call tool_{n}"
                )
            )
        ).series.tool_name
        for n in range(5000)
    }

    assert len(names) < 2100
    assert "_OTHER" in names


def test_a_span_that_has_not_ended_is_refused(converter, tracer):
    with pytest.raises(ValueError, match="not ended"):
        converter.span(span_data(tracer.start_span("x")))


# --- Names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "attributes", "stored"),
    [
        ("tools/call search", CALL, "tools/call search"),
        ("tools/call other", CALL, "tools/call search"),
        ("resources/read memo://alice/1", {"mcp.method.name": "resources/read"}, "resources/read"),
        (
            "prompts/get greet",
            {"mcp.method.name": "prompts/get", "gen_ai.prompt.name": "greet"},
            "prompts/get greet",
        ),
        ("prompts/get greet", {"mcp.method.name": "prompts/get"}, "prompts/get"),
        ("custom/do alice", {"mcp.method.name": "custom/do"}, "custom/do"),
        ("GET /users/alice", {"http.request.method": "GET"}, "GET"),
        ("GET /users/{id}", {"http.route": "/users/{id}"}, "GET /users/{id}"),
        ("GET /users/alice http send", {"http.route": "/users/{id}"}, "GET"),
        ("/users/alice", {"x": 1}, "_OTHER"),
        ("open C:\\alice\\plan", {"x": 1}, "open"),
        ("read ./alice", {"x": 1}, "read"),
        ("SELECT memories", {"db.system.name": "sqlite"}, "SELECT memories"),
        ("", {"x": 1}, "_OTHER"),
    ],
)
def test_the_name_of_a_span_says_what_was_done_not_to_what(
    converter, tracer, name, attributes, stored
):
    span = tracer.start_span(name, attributes=attributes)
    span.end()
    assert converter.span(span_data(span)).series.name == stored


@pytest.mark.parametrize(
    "name", ["/srv/alice/tool", "../alice", "memo://alice", "alice@example.com", "D:\\alice"]
)
def test_a_tool_is_not_named_after_a_path(converter, tracer, name):
    attributes = {**CALL, "gen_ai.tool.name": name}
    record = converter.span(span_data(ended(tracer, attributes, name=f"tools/call {name}")))
    assert "alice" not in str(record)
    assert record.series.event_type == "mcp.tool_call", "the call is counted all the same"


def test_every_dimension_of_a_series_is_bounded(converter, tracer):
    series, contexts = set(), set()
    for n in range(2500):
        attributes = {
            "cortex.feature": f"feature {n}",
            "error.type": f"Error{n}",
            "http.route": f"/{n}",
        }
        scoped = TracerProvider(shutdown_on_exit=False).get_tracer(f"scope{n}", f"{n}")
        record = converter.span(span_data(ended(scoped, attributes, name=f"name {n}")))
        series.add(record.series)
        contexts.add(record.context)
        assert "http.route" in {**json.loads(record.context.attributes), **record.event_data}
    assert len({each.feature for each in series} | {each.error_type for each in series}) <= 2001
    assert len({each.attributes for each in contexts}) <= 2001
    assert len({each.scope for each in contexts}) <= 2001


# --- Columns, context and data ------------------------------------------------------------------


def test_attributes_go_where_they_repeat(converter, tracer):
    attributes = {
        **CALL, "cortex.tool.parameters": "query:str", "jsonrpc.request.id": "7",
        "gen_ai.operation.name": "execute_tool", "cortex.project.id": "p1",
        "cortex.branch.id": "main", "cortex.service": "web", "cortex.user.tier": "trial",
        "session.id": "s1", "nobody.knows": "secret",
    }  # fmt: skip
    record = converter.span(span_data(ended(tracer, attributes)))
    assert json.loads(record.context.attributes) == {
        "mcp.method.name": "tools/call",
        "cortex.tool.parameters": "query:str",
        "gen_ai.operation.name": "execute_tool",
    }
    assert record.event_data == {"jsonrpc.request.id": "7"}
    assert (record.context.project_id, record.context.branch_id) == ("p1", "main")
    assert (record.series.service, record.series.user_tier) == ("web", "trial")
    assert record.session.session_id == "s1"
    assert "secret" not in str(record)


@pytest.mark.parametrize(
    ("key", "hostile"),
    [
        ("cortex.user.tier", "alice"), ("cortex.user.tier", ["paid"]), ("cortex.user.tier", 2),
        ("cortex.service", "a/b:c"), ("cortex.service", ["mcp"]), ("cortex.service", 5),
        ("cortex.result", ["error"]), ("cortex.result", "fine"), ("cortex.result", 1),
        ("cortex.event.type", ["mcp.tool_call"]), ("cortex.event.type", "my.own"),
        ("user.hash", "alice"), ("cortex.error.location", "alice"), ("session.id", ["a", "b"]),
        ("gen_ai.operation.name", [True, False]),
    ],
)  # fmt: skip
def test_a_known_key_with_nonsense_costs_the_value_and_not_the_record(
    converter, tracer, key, hostile
):
    record = converter.span(span_data(ended(tracer, {**CALL, key: hostile})))
    assert (record.series.service, record.series.user_tier) == ("mcp", "free")
    assert (record.series.event_type, record.series.result) == ("mcp.tool_call", "success")
    hash(record.series)
    hash(record.context)
    assert "alice" not in str(record)


def test_ids_that_are_paths_are_hashed_into_their_columns(converter, tracer):
    attributes = {
        "cortex.project.id": "/home/alice/plan",
        "cortex.branch.id": "feature/alice",
        "session.id": "alice@example.com",
    }
    record = converter.span(span_data(ended(tracer, attributes)))
    assert "alice" not in str(record)
    assert len(record.context.project_id) == len(record.context.branch_id) == 16
    assert len(record.session.session_id) == 16
    assert not record.event_data


def test_who_it_is_goes_through_redaction_too(tracer):
    resolver = IdentityResolver()
    key = "sk-" + "a1B2" * 8
    resolver.provider = lambda: {"project_id": key, "branch_id": "main"}
    redactor = Redactor(hash_text=resolver.hash_text, hash_user=resolver.hash_user)
    record = Converter(redactor, resolver, "mcp").span(span_data(ended(tracer)))
    assert key not in str(record)
    assert (len(record.context.project_id), record.context.branch_id) == (16, "main")


def test_a_fresh_id_of_each_request_is_no_session(converter):
    provider = TracerProvider(shutdown_on_exit=False)
    told = {**CALL, "mcp.session.id": "0" * 32}
    of_mcp = converter.span(span_data(ended(provider.get_tracer("mcp-python-sdk"), told)))
    of_fastmcp = converter.span(span_data(ended(provider.get_tracer("fastmcp"), told)))
    assert of_mcp.session.session_id == "0" * 32
    of_none = converter.span(span_data(ended(provider.get_tracer("x"))))
    assert of_fastmcp.session.session_id == of_none.session.session_id


# --- Native spans as they come ------------------------------------------------------------------


def test_mcp_2_tells_an_error_by_its_type_alone(converter, tracer):
    """mcp 2: `error.type` and a status; for a JSON-RPC error its code and its text."""
    span = tracer.start_span("tools/call search", kind=SpanKind.SERVER, attributes=CALL)
    span.set_attributes({"error.type": "-32602", "rpc.response.status_code": "-32602"})
    span.set_status(Status(StatusCode.ERROR, "Unknown tool: alice"))
    span.end()
    record = converter.span(span_data(span))
    assert (record.series.result, record.series.error_type) == ("error", "-32602")
    assert "alice" not in str(record)


def test_fastmcp_tells_it_by_an_exception_event(converter):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("fastmcp", "4.1.2")
    span = tracer.start_span("tools/call search", kind=SpanKind.SERVER, attributes=CALL)
    try:
        raise TimeoutError("alice")
    except TimeoutError as error:
        span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, str(error)))
    span.end()
    record = converter.span(span_data(span))
    assert (record.series.result, record.series.error_type) == ("timeout", "TimeoutError")
    assert record.error_message.startswith("TimeoutError at test_convert:")
    assert "alice" not in str(record)


# --- Log records --------------------------------------------------------------------------------


@pytest.fixture
def emitted(converter):
    """The row of what a logger emits."""
    rows = []

    class Collect(LogRecordProcessor):
        def on_emit(self, log_record):
            rows.append(converter.log(log_data(log_record)))

        def shutdown(self): ...

        def force_flush(self, timeout_millis=30_000):
            return True

    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(Collect())

    def emit(**fields):
        provider.get_logger("host", "1").emit(**fields)
        return rows[-1]

    return emit


def test_an_event_is_known_by_its_name(emitted):
    record = emitted(event_name="mcp.search_context", attributes={"cortex.search.results": 3})
    assert (record.series.event_type, record.series.name) == ("mcp.search_context",) * 2
    assert (record.series.kind, record.duration_nano) == ("event", None)
    assert record.measures == (("results", 3.0),)
    assert emitted(event_name="my.event").series.event_type == "span"


def test_a_plain_log_line_becomes_length_and_hash(emitted):
    record = emitted(body="alice said \ud800 so")
    assert record.series.name == "log"
    assert record.event_data["log.body.length"] == 15
    assert "alice" not in str(record)
    for body in ({"a": "alice"}, ["alice"], b"alice", None):
        assert "alice" not in str(emitted(body=body))


@pytest.mark.parametrize(
    ("severity", "level"),
    [(1, "DEBUG"), (8, "DEBUG"), (9, "INFO"), (13, "WARNING"), (17, "ERROR"), (24, "CRITICAL")],
)
def test_a_severity_is_a_level(emitted, severity, level):
    assert emitted(body="x", severity_number=SeverityNumber(severity)).series.level == level


@pytest.mark.parametrize(
    ("told", "duration"),
    [(2.5, 2_500_000), (0, 0), (-1.0, None), (1e300, None), (float("nan"), None), ("5", None)],
)
def test_a_timed_event_began_before_it_was_told(emitted, told, duration):
    record = emitted(
        event_name="mcp.search_context",
        timestamp=10**18,
        attributes={"cortex.event.duration_ms": told},
    )
    assert record.duration_nano == duration
    assert record.time_unix_nano == 10**18 - (duration or 0)


def test_an_exception_of_a_log_is_type_and_place(emitted):
    try:
        raise KeyError("alice")
    except KeyError as error:
        record = emitted(event_name="mcp.search_context", exception=error)
    assert (record.series.result, record.series.error_type) == ("error", "KeyError")
    assert "alice" not in str(record)


def test_an_event_belongs_to_the_tool_it_happens_in(emitted, tracer):
    span = tracer.start_span("tools/call search", attributes=CALL)
    context = trace.set_span_in_context(span)
    record = emitted(event_name="mcp.search_context", context=context)
    span.end()
    assert record.series.tool_name == "search"
    assert record.span_id == span.get_span_context().span_id


# --- Metrics ------------------------------------------------------------------------------------


def test_points_say_whose_they_are_and_nothing_else(converter):
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("m")
    histogram = meter.create_histogram("d", unit="s", description="alice")
    meter.create_histogram("empty")
    histogram.record(2.0, {"cortex.service": "web", "cortex.user.tier": "paid", "who": "alice"})
    histogram.record(4.0, {"cortex.service": "a/lice", "cortex.user.tier": "alice"})
    points = converter.metrics(reader.get_metrics_data())
    assert [(p.name, p.unit, p.service, p.user_tier) for p in points] == [
        ("d", "s", "web", "paid"),
        ("d", "s", "mcp", "free"),
    ]
    assert [(p.value, p.observations, p.attributes) for p in points] == [
        (2.0, 1, "{}"),
        (4.0, 1, "{}"),
    ]
    assert "alice" not in str(points)
