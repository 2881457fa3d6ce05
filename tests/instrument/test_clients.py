from __future__ import annotations

import inspect

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from cortex_otel import guard
from cortex_otel.instrument import clients, event_types, events
from cortex_otel.instrument.state import state

MCP = clients.get_mcp_telemetry_client()
EXTENSION = clients.get_extension_telemetry_client()


@pytest.fixture
def logs():
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    guard.rethrow_in_tests(enabled=True)
    state.reset()
    state.active = True
    state.logger = provider.get_logger("cortex_otel")
    yield lambda: [item.log_record for item in exporter.get_finished_logs()]
    state.reset()
    guard.rethrow_in_tests(enabled=False)
    provider.shutdown()


CASES = [
    (
        lambda: MCP.track_tool_call("search", duration_ms=3, parameters={"query": "secret"}),
        lambda: MCP.track_tool_call(tool_name="search", duration_ms=3, parameters={"query": "x"}),
        lambda: events.tool_call(tool_name="search", duration_ms=3, parameters={"query": "y"}),
    ),
    (
        lambda: MCP.track_branch_create("topic", automatic=True),
        lambda: MCP.track_branch_create(topic="topic", automatic=True),
        lambda: events.branch_create(topic="topic", automatic=True),
    ),
    (
        lambda: MCP.track_search_context("q", top_k=5, results=3, duration_ms=8.2, recall=1.0),
        lambda: MCP.track_search_context(
            query="q", top_k=5, results=3, duration_ms=8.2, recall=1.0
        ),
        lambda: events.search_context(query="q", top_k=5, results=3, duration_ms=8.2, recall=1.0),
    ),
    (
        lambda: MCP.track_compress_context(1000, 300, duration_ms=2),
        lambda: MCP.track_compress_context(tokens_before=1000, tokens_after=300, duration_ms=2),
        lambda: events.compress_context(tokens_before=1000, tokens_after=300, duration_ms=2),
    ),
    (
        lambda: MCP.track_reference_suggest(5, 4),
        lambda: MCP.track_reference_suggest(suggested=5, accepted=4),
        lambda: events.reference_suggest(suggested=5, accepted=4),
    ),
    (
        lambda: MCP.track_update_memory(4096, 900),
        lambda: MCP.track_update_memory(file_size_bytes=4096, token_count=900),
        lambda: events.update_memory(file_size_bytes=4096, token_count=900),
    ),
    (
        lambda: MCP.track_ontology_classify("bugfix", 0.8),
        lambda: MCP.track_ontology_classify(category="bugfix", confidence=0.8),
        lambda: events.ontology_classify(category="bugfix", confidence=0.8),
    ),
    (
        lambda: EXTENSION.track_install("vscode", "1.2.3"),
        lambda: EXTENSION.track_install(ide="vscode", version="1.2.3"),
        lambda: events.install(ide="vscode", version="1.2.3"),
    ),
    (
        lambda: EXTENSION.track_activate("vscode", "/home/alice"),
        lambda: EXTENSION.track_activate(ide="vscode", project_path="/home/alice"),
        lambda: events.activate(ide="vscode", project_path="/home/alice"),
    ),
    (
        lambda: EXTENSION.track_ui_interaction("click", "graph"),
        lambda: EXTENSION.track_ui_interaction(action="click", element="graph"),
        lambda: events.ui_interaction(action="click", element="graph"),
    ),
    (
        lambda: EXTENSION.track_code_insert("python", 3, True),  # noqa: FBT003
        lambda: EXTENSION.track_code_insert(
            language="python", lines_inserted=3, completion_accepted=True
        ),
        lambda: events.code_insert(language="python", lines_inserted=3, completion_accepted=True),
    ),
    (
        lambda: EXTENSION.track_context_switch("a", "b", "/x.py"),
        lambda: EXTENSION.track_context_switch(from_branch="a", to_branch="b", file_path="/x.py"),
        lambda: events.context_switch(from_branch="a", to_branch="b", file_path="/x.py"),
    ),
    (
        lambda: EXTENSION.track_error("RangeError", "message", "stack"),
        lambda: EXTENSION.track_error(error_type="RangeError", message="message", stack="stack"),
        lambda: events.extension_error(error_type="RangeError", message="message", stack="stack"),
    ),
]


@pytest.mark.parametrize(("positional", "by_keyword", "event"), CASES)
def test_a_method_is_its_event_by_position_and_by_keyword(logs, positional, by_keyword, event):
    before = events.rejected_values()
    assert positional() is None
    assert by_keyword() is None
    event()
    one, two, three = logs()
    assert one.event_name == two.event_name == three.event_name
    assert dict(one.attributes) == dict(two.attributes) == dict(three.attributes)
    assert events.rejected_values() == before


def test_each_event_of_both_services_has_a_method(logs):
    for positional, _, _ in CASES:
        positional()
    assert {log.event_name for log in logs()} == set(event_types.EVENTS) - {
        "feature_flag.evaluation"
    }


def test_an_exception_and_a_message(logs):
    MCP.track_tool_call("t", duration_ms=1, error=ValueError("alice's secret"))
    MCP.track_tool_call("t", duration_ms=1, result="timeout", error="alice's secret")
    exception, message = (dict(log.attributes) for log in logs())
    assert exception["cortex.result"] == "error"
    assert exception["error.type"] == "ValueError"
    assert message["cortex.result"] == "timeout"
    assert message["cortex.error.message.length"] == len("alice's secret")
    assert "alice" not in f"{exception}{message}"


def test_a_wrong_call_never_raises(logs):
    before = events.rejected_values()
    MCP.track_tool_call()
    MCP.track_tool_call("t", 5)
    MCP.track_tool_call("t", colour="red", tool_name="u")
    EXTENSION.track_install()
    names = [dict(log.attributes).get("gen_ai.tool.name") for log in logs()]
    assert names == [None, "t", "t", None]
    now = events.rejected_values()
    assert {name for name in now if now[name] != before.get(name, 0)} == {
        "mcp.tool_call.colour",
        "mcp.tool_call.positional",
        "mcp.tool_call.tool_name",
        "ext.install.ide",
    }


def test_switched_off_nothing_is_recorded(logs):
    state.active = False
    MCP.track_tool_call("t")
    MCP.track_tool_call()
    EXTENSION.track_install("vscode")
    assert logs() == []


def test_the_clients_are_always_the_same_objects():
    assert clients.get_mcp_telemetry_client() is MCP
    assert clients.get_extension_telemetry_client() is EXTENSION


def test_signatures_stay_visible():
    signature = inspect.signature(MCP.track_tool_call)
    assert list(signature.parameters) == [
        "tool_name",
        "parameters",
        "duration_ms",
        "result",
        "error",
    ]


# --- The general form -------------------------------------------------------------------------


def track(event_type, **fields):
    clients.TelemetryClient().track_event(clients.TelemetryEvent(event_type, **fields))


def test_the_general_form_is_the_event_s_function(logs):
    before = events.rejected_values()
    track("mcp.search_context", query="q", top_k=5, results=3, duration_ms=8.2, recall=1.0)
    events.search_context(query="q", top_k=5, results=3, duration_ms=8.2, recall=1.0)
    track("ext.error", error_type="RangeError", message="m", result="timeout")
    events.extension_error(error_type="RangeError", message="m", result="timeout")
    one, two, three, four = ((log.event_name, dict(log.attributes)) for log in logs())
    assert one == two
    assert three == four
    assert events.rejected_values() == before


@pytest.mark.parametrize("event_type", event_types.EVENTS)
def test_each_event_comes_in_by_the_general_form(logs, event_type):
    clients.TelemetryClient(service="web").track_event(clients.TelemetryEvent(event_type))
    (log,) = logs()
    assert log.event_name == event_type
    assert log.attributes["cortex.service"] == "web"


def test_without_a_service_it_is_the_event_s_own_or_the_program_s(logs):
    state.service = "billing"
    track("ext.install", ide="vscode")
    track("mcp.update_memory", token_count=1)
    assert [log.attributes["cortex.service"] for log in logs()] == ["extension", "billing"]


def test_the_clients_of_the_services_have_the_general_form_too(logs):
    MCP.track_event(clients.TelemetryEvent(event_type="mcp.update_memory", token_count=1))
    assert [log.event_name for log in logs()] == ["mcp.update_memory"]


@pytest.mark.parametrize("bad", ["no.such_event", "", None, 5, [], b"mcp.tool_call"])
def test_an_event_type_that_there_is_not_is_counted_and_never_named(logs, caplog, bad):
    before = events.rejected_values().get("track_event.event_type", 0)
    clients.TelemetryClient().track_event(clients.TelemetryEvent(bad, token="secret"))
    clients.TelemetryClient(service=bad).track_event(bad)
    assert logs() == []
    assert events.rejected_values()["track_event.event_type"] == before + 2
    assert "no.such_event" not in caplog.text


def test_a_wrong_event_costs_what_is_wrong_alone(logs):
    before = events.rejected_values()
    clients.TelemetryClient().track_event(
        clients.TelemetryEvent("mcp.search_context", 5, top_k=-1, colour="red")
    )
    (log,) = logs()
    assert set(log.attributes) == {"cortex.service", "cortex.result"}
    now = events.rejected_values()
    assert {name for name in now if now[name] != before.get(name, 0)} == {
        "mcp.search_context.positional",
        "mcp.search_context.query",
        "mcp.search_context.top_k",
        "mcp.search_context.colour",
    }


def test_no_argument_s_name_is_taken(logs):
    client = clients.TelemetryClient(service=5)
    client.track_event(clients.TelemetryEvent("mcp.update_memory", self=1, unnamed=2, fields=3))
    (log,) = logs()
    assert log.attributes["cortex.service"] == "mcp"


def test_switched_off_the_general_form_records_nothing(logs):
    state.active = False
    track("mcp.update_memory", token_count=1)
    assert logs() == []
