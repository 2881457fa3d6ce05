"""The decorator and the zero-code start on each MCP stack in use, in environments of their own."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(600)]

# Tool, result and error type of each call the probe makes that reaches a tool.
CALLS = [
    ("add", "success", None),
    ("add", "success", None),
    ("search", "success", None),
    ("find", "success", None),
    ("shift", "success", None),
    ("with_context", "success", None),
    ("sync_with_context", "success", None),
    ("fails", "error", "ValueError"),
    ("fails_later", "error", "LookupError"),
    ("times_out", "timeout", "TimeoutError"),
    ("renamed", "success", None),
    ("buy", "success", None),
    ("buy_later", "success", None),
    ("open_shop", "success", None),
    ("close_shop", "success", None),
]
POINTS = {tool: sum(call[0] == tool for call in CALLS) for tool, _, _ in CALLS}
POINTS["shift"] += 1  # refused before the tool runs
SECRET = "the secret of the result"


def rows(home, columns="tool_name, result, error_type, kind, scope"):
    """The recorded calls, in the order of their starts."""
    with contextlib.closing(sqlite3.connect(home / "cortex.db")) as connection:
        return connection.execute(
            f"SELECT {columns} FROM telemetry_events WHERE event_type = 'mcp.tool_call' "
            "ORDER BY timestamp"
        ).fetchall()


def decorated_calls(found):
    """What is recorded of the calls that reached a tool; each of them once."""
    calls = found["calls"]
    refused = calls[len(CALLS) :]
    # A tool that the server doesn't have has no name.
    assert [(row["tool_name"], row["result"]) for row in refused] == [
        ("shift", "error"),
        (None, "error"),
    ]
    return calls[: len(CALLS)]


def tools(listed, stack_name):
    """The listed tools; fastmcp 2 forgets the default of a keyword-only parameter when it builds
    the schema of a plain function, and not of a decorated one.
    """
    found = json.loads(listed)["tools"]
    return [tool for tool in found if (stack_name, tool["name"]) != ("fastmcp2", "find")]


# --- The decorator ------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["off", "on"])
def test_schemas_answers_and_errors_are_the_same_bytes(ahead, stack_name, what):
    found, _ = ahead(stack_name, "memory")
    assert json.dumps(tools(found[what]["listed"], stack_name)) == json.dumps(
        tools(found["plain"]["listed"], stack_name)
    )
    if stack_name != "fastmcp2":
        assert found[what]["listed"] == found["plain"]["listed"]
    assert found[what]["answers"] == found["plain"]["answers"]
    names = {tool["name"] for tool in json.loads(found[what]["listed"])["tools"]}
    assert names >= {tool for tool, _, _ in CALLS}
    answers = [json.loads(answer) for answer in found["on"]["answers"][: len(CALLS)]]
    assert [answer["isError"] for answer in answers] == [error is not None for *_, error in CALLS]
    assert "Context" in json.dumps(answers[5])  # it was injected, and not asked of the client


def test_each_call_is_one_row(ahead, stack_name):
    found, _ = ahead(stack_name, "memory")
    calls = decorated_calls(found)
    assert [(row["tool_name"], row["result"], row["error_type"]) for row in calls] == CALLS
    assert {row["kind"] for row in calls} == {"server"}
    assert [row["name"] for row in calls] == [f"tools/call {tool}" for tool, _, _ in CALLS]
    assert {row["scope"].partition("@")[0] for row in calls} == {"cortex_otel"}
    shapes = [json.loads(row["event_data"])["cortex.tool.parameters"] for row in calls]
    assert shapes[0] == "a:int,b:int"
    assert shapes[4] == "point:object,by:int"


def test_each_call_is_one_metric_point(ahead, stack_name):
    found, _ = ahead(stack_name, "memory")
    points = {tool: count for tool, count in found["points"].items() if tool != "null"}
    assert points == POINTS


def test_nothing_of_the_content_is_kept(ahead, stack_name):
    found, stderr = ahead(stack_name, "memory")
    assert SECRET in json.dumps(found["plain"]["answers"])
    assert SECRET not in json.dumps(found["calls"])
    assert "telemetry fault" not in stderr


def test_over_stdio_with_the_stacks_own_client(ahead, stack_name):
    found, _ = ahead(stack_name, "stdio")
    in_memory, _ = ahead(stack_name, "memory")
    assert tools(found["listed"], stack_name) == tools(in_memory["plain"]["listed"], stack_name)
    calls = decorated_calls(found)
    assert [(row["tool_name"], row["result"], row["error_type"]) for row in calls] == CALLS
    assert {row["kind"] for row in calls} == {"server"}
    points = {tool: count for tool, count in found["points"].items() if tool != "null"}
    assert points == POINTS


def test_above_the_servers_decorator_it_warns_once(ahead, stack_name):
    found, stderr = ahead(stack_name, "order")
    answers = [json.loads(answer) for answer in found["answers"]]
    assert [answer["isError"] for answer in answers] == [False, False]
    assert stderr.count("stands above @mcp.tool()") == 1
    assert "tool above:" in stderr
    assert "tool below:" not in stderr
    # Recorded on the wire, whatever became of the decorator.
    assert [row["tool_name"] for row in found["calls"]] == ["above", "below"]


# --- Nothing in code ----------------------------------------------------------------------------


def test_zero_code_records_each_call_once(stack_of, stack_name, tmp_path):
    calls = [("add", {"a": 1}), ("fails", {"text": "x"}), ("search", {"query": SECRET})]
    lines, stderr = stack_of(stack_name).serve(tmp_path / "home", calls, zero_code=True)
    answers = [json.loads(line) for line in lines]
    assert [answer["id"] for answer in answers if "id" in answer] == [0, 1, 2, 3]
    assert all(answer["jsonrpc"] == "2.0" for answer in answers)
    assert "Traceback" not in stderr.partition("Error calling tool")[0].partition("fails")[0]
    found = rows(tmp_path / "home", "tool_name, result, kind")
    assert found == [
        ("add", "success", "server"), ("fails", "error", "server"), ("search", "success", "server"),
    ]  # fmt: skip
    stored = (tmp_path / "home" / "cortex.db").read_bytes()
    assert SECRET.encode() not in stored


def test_zero_code_and_the_decorator_make_one_row(stack_of, stack_name, tmp_path):
    lines, _ = stack_of(stack_name).serve(
        tmp_path / "home", [("add", {"a": 1})], "--decorated", zero_code=True
    )
    assert json.loads(lines[-1])["result"]["isError"] is False
    assert len(rows(tmp_path / "home")) == 1


def test_an_unsampled_client_is_recorded(stack_of, stack_name, tmp_path):
    trace_id, span_id = "ab" * 16, "cd" * 8
    meta = {"traceparent": f"00-{trace_id}-{span_id}-00"}
    stack_of(stack_name).serve(tmp_path / "home", [("add", {"a": 1}, meta)], zero_code=True)
    columns = "tool_name, trace_id, parent_span_id"
    assert rows(tmp_path / "home", columns) == [("add", trace_id, span_id)]


# --- Beside opentelemetry-distro ----------------------------------------------------------------

OTLP = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
}
STOCK = {"OTEL_PYTHON_DISTRO": "distro", "OTEL_PYTHON_CONFIGURATOR": "configurator"}


@pytest.fixture
def beside(stack_of, listener, tmp_path):
    """Serve two calls where opentelemetry-distro and an OTLP exporter are installed too."""

    def serve(*options, **environment):
        return stack_of("mcp2-otlp").serve(
            tmp_path / "home",
            [("add", {"a": 1}), ("add", {"a": 2})],
            *options,
            zero_code=True,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{listener.port}",
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_TIMEOUT="2",
            OTEL_BSP_SCHEDULE_DELAY="100",
            **environment,
        )

    return serve


@pytest.mark.parametrize("exporters", [{}, OTLP], ids=["defaults", "otlp"])
def test_ours_is_chosen_and_nothing_leaves(beside, listener, tmp_path, exporters):
    lines, stderr = beside(**exporters)
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in lines)
    assert [row[0] for row in rows(tmp_path / "home")] == ["add", "add"]
    assert listener.connections == 0
    for variable in exporters:
        assert stderr.count(f"{variable}=otlp is not followed") == 1


def test_the_listener_would_have_heard(beside, listener, tmp_path):
    beside(**STOCK, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="cortex")
    assert listener.connections > 0
    assert not (tmp_path / "home").exists()


def test_allowed_other_exporters_are_added(beside, listener, tmp_path):
    # The listener never answers, and the store has to be done within its share of the time.
    beside(**OTLP, CORTEX_OTEL_ALLOW_OTHER_EXPORTERS="true", CORTEX_OTEL_EXIT_TIMEOUT_MS="5000")
    assert listener.connections > 0
    assert len(rows(tmp_path / "home")) == 2


OURS_BY_NAME = {
    "OTEL_TRACES_EXPORTER": "cortex_sqlite",
    "OTEL_METRICS_EXPORTER": "cortex_sqlite",
    "OTEL_LOGS_EXPORTER": "cortex_sqlite",
    "OTEL_TRACES_SAMPLER": "cortex",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "cortex,otel",
}


@pytest.mark.parametrize("disabled", ["cortex", ""], ids=["exporters alone", "with instrumentor"])
def test_our_exporters_under_the_stock_configurator(beside, listener, tmp_path, disabled):
    beside(**STOCK, **OURS_BY_NAME, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=disabled)
    assert listener.connections == 0
    found = rows(tmp_path / "home", "tool_name, resource")
    assert [row[0] for row in found] == ["add", "add"]
    assert json.loads(found[0][1])["telemetry.distro.name"] == "cortex-otel"


@pytest.mark.parametrize("ours", [{}, OURS_BY_NAME], ids=["instrumentor", "exporters too"])
def test_the_decorator_under_the_stock_configurator(beside, tmp_path, ours):
    beside("--decorated", **STOCK, **ours)
    assert len(rows(tmp_path / "home")) == 2
