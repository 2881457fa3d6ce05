"""The wire hook on every stack and transport: one row a request, told truly, and nobody notices.

The servers of ``wire_probe.py`` have no decorator where it matters. Each client asks the same
things of a server without telemetry and of one with it. Over HTTP and against servers of other
people: ``make test-matrix``.
"""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(600)]

SECRET = "the secret of the result"
WIRE_PROBE = Path(__file__).with_name("wire_probe.py")
SECONDS = 120
TRANSPORTS = [
    pytest.param("memory"),
    pytest.param("stdio"),
    pytest.param("http", marks=pytest.mark.matrix),
]
PIPES = {"memory": None, "stdio": "pipe", "http": "tcp"}

# Tool, result, outcome, and the last part of the error type, of each call in its order.
CALLS = [
    ("ok", "success", "ok", None),
    ("refuses", "error", "tool_error", "ToolError"),
    ("crashes", "error", "crash", "LookupError"),
    ("chains", "error", "crash", "RuntimeError"),
    ("own_validation", "error", "crash", "ValidationError"),
    ("needs_a_number", "error", "validation", "ValidationError"),
    (None, "error", "unknown_tool", None),
    ("times_out", "timeout", "timeout", "TimeoutError"),
    ("slow", "success", "ok", None),
    ("outer", "success", "ok", None),
    ("claims", "success", "ok", None),
    ("over_the_server", "success", "ok", None),
    ("sets_attributes", "success", "ok", None),
    ("soft", "error", "tool_error", "tool_error"),
]
OTHERS = [
    ("tools/list", "success", "ok"),
    ("prompts/get greet", "success", "ok"),
    ("prompts/get", "error", "rpc_error"),
    ("resources/read", "success", "ok"),
    ("resources/read", "error", "rpc_error"),
    ("resources/read", "error", "rpc_error"),
]
AT_ONCE = 50


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    return request.param


@pytest.fixture
def found(ahead, stack_name, transport):
    return ahead(stack_name, f"wire-{transport}")[0]


def calls(found, kind="server"):
    return [
        row
        for row in found["events"]
        if row["event_type"] == "mcp.tool_call" and row["kind"] == kind
    ]


def test_the_client_gets_the_same_bytes(found):
    assert found["seen"] == found["plain"]
    assert SECRET in json.dumps(found["plain"])


def test_each_call_is_one_row_with_its_true_outcome(found):
    rows = calls(found)
    assert [
        (
            row["tool_name"],
            row["result"],
            row["event_data"]["cortex.outcome"],
            None
            if row["tool_name"] is None or row["error_type"] is None
            else row["error_type"].rpartition(".")[2],
        )
        for row in rows
    ] == CALLS + [CALLS[0]] * AT_ONCE
    assert [row["name"] for row in rows[:7]] == [
        f"tools/call {tool}" if tool else "tools/call" for tool, *_ in CALLS[:7]
    ]


def test_every_other_request_is_one_row(found):
    others = [
        (row["name"], row["result"], row["event_data"].get("cortex.outcome"))
        for row in found["events"]
        if row["event_type"] == "span"
        and row["kind"] == "server"  # a library's own spans of what happens inside are the user's
        and row["name"] not in ("server/discover", "initialize", "ping")
    ]
    assert others == OTHERS, found["events"]


def test_attributes_are_those_of_the_conventions(found, stack_name, transport):
    (first, *_), data = calls(found), {}
    data = first["event_data"]
    assert data["mcp.method.name"] == "tools/call"
    assert data["gen_ai.operation.name"] == "execute_tool"
    assert data["jsonrpc.request.id"]
    modern = stack_name in ("mcp2", "fastmcp4")
    assert data["mcp.protocol.version"] == ("2026-07-28" if modern else "2025-11-25")
    assert data.get("network.transport") == PIPES[transport]
    assert data["cortex.client.name"]
    assert data["cortex.client.version"]
    assert (data.get("network.protocol.name") == "http") == (transport == "http")


def test_what_the_tool_sets_lands_on_the_span(found):
    (row,) = [row for row in calls(found) if row["tool_name"] == "sets_attributes"]
    assert row["event_data"]["http.route"] == "/set/by/the/tool"


def test_a_tool_that_calls_a_decorated_one_is_its_parent(found):
    inner, (outer,) = (
        calls(found, "internal"),
        [row for row in calls(found) if row["tool_name"] == "outer"],
    )
    assert [row["name"] for row in inner] == ["execute_tool inner"] * 2
    assert {row["parent_span_id"] for row in inner} == {outer["span_id"]}
    assert {row["session_id"] for row in inner} == {outer["session_id"]}


def test_a_decorated_tool_adds_what_it_knows(found):
    (row,) = [row for row in calls(found) if row["tool_name"] == "claims"]
    assert row["event_data"]["cortex.tool.parameters"] == "text:str"


def test_all_of_it_is_one_session(found):
    # But for what a library tells of its inside, whose session is the process's.
    told = [
        row for row in found["events"] if (row["event_type"], row["kind"]) != ("span", "internal")
    ]
    assert len({row["session_id"] for row in told}) == 1


def test_each_call_is_one_metric_point(found):
    durations = [
        point
        for point in found["points"]
        if point["metric_name"] == "mcp.server.operation.duration"
        and point["attributes"]["mcp.method.name"] == "tools/call"
    ]
    by_tool = {}
    for point in durations:
        name = point["attributes"].get("gen_ai.tool.name")
        by_tool[name] = by_tool.get(name, 0) + point["count"]
    assert by_tool == {tool: 1 for tool, *_ in CALLS} | {"ok": 1 + AT_ONCE}
    errors = {
        point["attributes"].get("gen_ai.tool.name"): point["attributes"].get("error.type")
        for point in durations
    }
    assert errors["crashes"] == errors[None] == "tool_error"
    assert errors["ok"] is None


def test_a_session_with_a_handshake_has_a_duration(found, stack_name):
    sessions = [
        point for point in found["points"] if point["metric_name"] == "mcp.server.session.duration"
    ]
    if stack_name in ("mcp2", "fastmcp4"):  # 2026-07-28: no connection outlasts a request
        assert sessions == []
    else:
        assert sum(point["count"] for point in sessions) == 1


def test_nothing_of_the_content_is_kept(found):
    recorded = json.dumps([found["events"], found["points"]])
    assert SECRET not in recorded
    assert "no_such" not in recorded


# --- By hand, over stdio: what no client library would send ---------------------------------------

HANDSHAKE = [
    {
        "jsonrpc": "2.0",
        "id": "hello",
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "by hand", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]


class ByHand:
    """A server of the wire probe, spoken to in bytes."""

    def __init__(self, stack, home, *options):
        self._process = subprocess.Popen(
            [str(stack.python), str(WIRE_PROBE), "serve", "stdio", *options],
            env=stack.environment(home),
            cwd=home.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._timer = threading.Timer(SECONDS, self._process.kill)
        self._timer.start()
        self.lines = []
        """What it has said so far."""
        for message in HANDSHAKE:
            self.send(message)
        self.answer("hello")

    def send(self, message):
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def call(self, number, name, arguments, **more):
        params = {"name": name, "arguments": arguments, **more}
        self.send({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})

    def answer(self, number):
        if any(json.loads(line).get("id") == number for line in self.lines):
            return True
        for line in self._process.stdout:
            self.lines.append(line)
            if json.loads(line).get("id") == number:
                return True
        return False

    def close(self):
        self._process.stdin.close()
        self.lines += self._process.stdout.readlines()
        self._process.wait()
        self._process.stdout.close()
        self._timer.cancel()
        return sorted(self.lines)


def both(stack, tmp_path, talk):
    """What `talk` gets from a server without telemetry, and from one with it."""
    plain = talk(ByHand(stack, tmp_path / "off"))
    seen = talk(ByHand(stack, tmp_path / "home", "--telemetry"))
    return plain, seen


def stored(stack, home):
    done = subprocess.run(
        [stack.python, "-c", "import json, wire_probe as w; print(json.dumps(w.stored()))"],
        env={**stack.environment(home), "PYTHONPATH": str(WIRE_PROBE.parent)},
        capture_output=True,
        check=True,
        text=True,
        timeout=SECONDS,
    )
    return json.loads(done.stdout)


TRACE, SPAN = "ab" * 16, "cd" * 8
SAMPLED = f"00-{TRACE}-{SPAN}-01"


def hostile(server):
    """Everything odd that a client may send; all the server's answers."""
    metas = [
        {"traceparent": "00-zz-zz-zz"},
        {"traceparent": ["no", "text"], "tracestate": 5, "baggage": {"a": 1}},
        {"traceparent": SAMPLED, "tracestate": "a" * 100_000},
        {"baggage": ",".join(f"key{n}=value{n}" for n in range(10_000))},
        {"baggage": "a=\u0000\u001b[31m,b=\u202e"},
        {"traceparent": SAMPLED, "baggage": f"user={SECRET}"},
    ]
    for number, meta in enumerate(metas):
        server.call(number, "ok", {"text": "x"}, _meta=meta)
        server.answer(number)
    server.call(100, "n" * 1_000_000, {})
    server.call(102, SECRET, {})
    call = b'{"jsonrpc": "2.0", "id": 101, "method": "tools/call", "params": {"name": "ok", '
    server.send(call + b'"arguments": {"text": ' + b"[" * 1000 + b"]" * 1000 + b"}}}")
    server.send(
        b'{"jsonrpc": "2.0", "id": 103, "method": "tools/call", "params": {"name": "\xff\xfe"}}'
    )
    server.send({"jsonrpc": "2.0", "id": 104, "method": SECRET, "params": {}})
    server.answer(102)
    server.call(105, "ok", {"text": "last"})
    server.answer(105)
    server.close()
    return sorted(server.lines)


@pytest.mark.matrix
def test_hostile_requests_have_the_fate_they_have_without_us(stack_of, stack_name, tmp_path):
    stack = stack_of(stack_name)
    plain, seen = both(stack, tmp_path, hostile)
    assert seen == plain
    assert any(json.loads(line).get("id") == 105 for line in seen)
    found = stored(stack, tmp_path / "home")
    rows = calls(found)
    # Of the three that no tool was found for, mcp 1 refuses some before it calls anything.
    assert [row["tool_name"] for row in rows][:6] == ["ok"] * 6
    assert rows[-1]["tool_name"] == "ok"
    assert {row["tool_name"] for row in rows} == {"ok", None}
    assert rows[2]["trace_id"] == rows[5]["trace_id"] == TRACE
    assert rows[5]["parent_span_id"] == SPAN
    assert rows[0]["trace_id"] != TRACE
    recorded = json.dumps(found)
    assert SECRET not in recorded
    assert "nnnn" not in recorded
    assert (tmp_path / "home" / "cortex.db").stat().st_size < 2_000_000


def cancelled(server):
    server.call(1, "waits", {"milliseconds": 4_000})
    server.call(2, "ok", {"text": "x"})
    assert server.answer(2)
    server.send(
        {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": 1},
        }
    )
    server.call(3, "ok", {"text": "x"})
    assert server.answer(3)
    return server.close()


def test_a_call_that_the_client_cancels(stack_of, stack_name, tmp_path):
    stack = stack_of(stack_name)
    plain, seen = both(stack, tmp_path, cancelled)
    assert seen == plain
    (row,) = [row for row in calls(stored(stack, tmp_path / "home")) if row["tool_name"] == "waits"]
    assert (row["result"], row["event_data"].get("cortex.outcome")) == ("cancelled", "cancelled")


def gone(server):
    server.call(1, "waits", {"milliseconds": 4_000})
    server.call(2, "ok", {"text": "x"})
    assert server.answer(2)
    return server.close()


def test_a_client_that_is_gone_in_the_middle_of_a_call(stack_of, stack_name, tmp_path):
    stack = stack_of(stack_name)
    plain, seen = both(stack, tmp_path, gone)
    assert seen == plain
    rows = {row["tool_name"]: row for row in calls(stored(stack, tmp_path / "home"))}
    assert rows["ok"]["result"] == "success"
    assert rows["waits"]["event_data"]["cortex.outcome"] == "transport_closed"
    assert rows["waits"]["result"] == "cancelled"


# --- Servers of other people ----------------------------------------------------------------------

SERVERS = {
    "mcp-server-time": ("get_current_time", {"timezone": "UTC"}, {"timezone": "No/Where"}),
    "mcp-server-git": ("git_status", {"repo_path": "."}, {"repo_path": "/no/such/place"}),
    "mcp-server-calculator": ("calculate", {"expression": "1+1"}, {"expression": "(("}),
    "mcp-simple-timeserver": ("get_local_time", {}, {"no_such": 1}),
    "mcp-server-motherduck": ("execute_query", {"sql": "SELECT 1"}, {"sql": "SELEC"}),
}
OPTIONS = {"mcp-server-motherduck": ("--db-path", ":memory:", "--read-write")}


@pytest.mark.matrix
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_from_the_registry_with_no_code_changed(stack_of, name, tmp_path):
    tool, good, bad = SERVERS[name]
    stack = stack_of(name)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = [stack.bin / "opentelemetry-instrument", stack.bin / name, *OPTIONS.get(name, ())]
    listing = {"jsonrpc": "2.0", "id": 0, "method": "tools/list"}
    wanted = [(tool, good), (tool, bad), ("no_such", {})]
    asked = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {"name": called, "arguments": arguments},
        }
        for number, (called, arguments) in enumerate(wanted, 1)
    ]
    with (
        (tmp_path / "stderr").open("wb") as errors,
        subprocess.Popen(
            [*map(str, command)],
            env=stack.environment(tmp_path / "home"),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        for message in [*HANDSHAKE, listing, *asked]:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            if "id" in message:
                line = process.stdout.readline()
                assert line, (tmp_path / "stderr").read_text()
                assert json.loads(line)["id"] == message["id"]
        process.stdin.close()
        process.wait()
        timer.cancel()
    assert process.returncode == 0
    rows = calls(stored(stack, tmp_path / "home"))
    assert [row["tool_name"] for row in rows] == [tool, tool, None]
    assert rows[0]["result"] == "success"
    assert rows[1]["result"] == "error"
    assert rows[2]["event_data"]["cortex.outcome"] in ("unknown_tool", "crash", "tool_error")


@pytest.mark.matrix
@pytest.mark.parametrize("name", ["mcp1-traceloop", "mcp1-openinference"])
def test_beside_another_instrumentation(stack_of, name, tmp_path):
    lines, _ = stack_of(name).serve(
        tmp_path / "home", [("add", {"a": 1}), ("add", {"a": 2})], zero_code=True
    )
    assert [json.loads(line)["id"] for line in lines if '"id"' in line] == [0, 1, 2]
    rows = calls(stored(stack_of(name), tmp_path / "home"))
    assert [row["tool_name"] for row in rows] == ["add", "add"]
