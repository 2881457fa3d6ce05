"""The wire hook on mcp 2, in this process: cases that the matrix of stacks doesn't cover."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import mcp.server._otel as native
import pytest
from mcp import Client
from mcp.server import runner
from mcp.server.mcpserver import MCPServer
from mcp_types import InputRequiredResult
from opentelemetry import baggage, context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from cortex_otel import guard, identity
from cortex_otel.instrument import mcp_server, methods, request
from cortex_otel.instrument.outcome import Verdict, judge_error
from cortex_otel.instrument.sessions import Peer
from cortex_otel.instrument.stacks import mcp2
from cortex_otel.instrument.state import state
from cortex_otel.instrument.tool_names import ToolNames

ORIGINAL = runner.ServerRunner._on_request, native.otel_span


@pytest.fixture
def hook(recorded):
    assert (runner.ServerRunner._on_request, native.otel_span) == ORIGINAL
    mcp_server.install()
    yield recorded
    mcp_server.remove()
    assert (runner.ServerRunner._on_request, native.otel_span) == ORIGINAL


def make_server():
    server = MCPServer("test")

    @server.tool()
    async def ok(text: str) -> str:
        return text

    @server.tool()
    async def soft(text: str) -> str:
        return f"  ERROR: {text}"

    @server.tool()
    async def asks(text: str) -> str | InputRequiredResult:
        return InputRequiredResult(request_state=f"state of {text}")

    return server


def call(*tools, meta=None):
    async def all_of_them():
        async with Client(make_server()) as client:
            for tool in tools:
                with contextlib.suppress(Exception):  # the spans tell
                    await client.call_tool(tool, {"text": "x"}, meta=meta)

    asyncio.run(all_of_them())


def calls(recorded):
    return [span for span in recorded.spans if span.name.startswith("tools/call")]


def test_twice_is_once(hook):
    mcp_server.install()
    call("ok")
    assert [span.name for span in calls(hook)] == ["tools/call ok"]


def test_after_remove_the_stack_is_as_it_was(hook):
    mcp_server.remove()
    call("ok")
    assert calls(hook) == []  # the native ones go to the global provider
    mcp_server.install()
    call("ok")
    assert len(calls(hook)) == 1


def test_it_can_be_kept_out(recorded, monkeypatch):
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis, cortex_mcp")
    mcp_server.install()
    assert runner.ServerRunner._on_request is ORIGINAL[0]


@pytest.mark.usefixtures("faults_are_swallowed")
@pytest.mark.parametrize(
    ("owner", "name"),
    [(request, "_context_of"), (mcp2, "_peer_of"), (mcp2, "_verdict_of_result"),
     (request.McpRequest, "_describe"), (request.McpRequest, "_measure")],
)  # fmt: skip
def test_a_fault_of_the_hook_is_counted_and_the_call_continues(hook, monkeypatch, owner, name):
    def fails(*_, **__):
        raise RuntimeError("a fault of ours")

    if name == "_verdict_of_result":  # guarded inside
        owner, name = mcp2, "verdict_of_content"
    monkeypatch.setattr(owner, name, fails)

    async def one():
        async with Client(make_server()) as client:
            return await client.call_tool("ok", {"text": "x"})

    assert asyncio.run(one()).content[0].text == "x"
    assert sum(guard.faults().values()) >= 1
    assert request.current() is None


class Ledger:
    def __init__(self):
        self.noted, self.lost = Counter(), 0

    def note(self, signal, outcome, reason, number=1):
        self.noted[reason] += number

    def count_dropped(self, reason, number=1, signal="event"):
        self.lost += number


@pytest.mark.usefixtures("faults_are_swallowed")
def test_a_request_that_could_not_be_recorded_is_a_lost_record(hook, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("a fault of ours")

    guard.report_to(ledger := Ledger())
    try:
        call("ok")
        before = len(hook.spans)
        monkeypatch.setattr(mcp2, "_peer_of", fails)
        call("ok")
    finally:
        guard.report_to(None)
    assert ledger.noted == {"mcp_server.mcp2.begin": ledger.lost}
    assert before + ledger.lost == 2 * before


def test_what_a_tool_leaves_running_has_no_part_in_its_request(hook):
    server, later = MCPServer("test"), []

    @server.tool()
    async def leaves() -> str:
        async def rest():
            await asyncio.sleep(0)
            with contextlib.suppress(Exception):
                await server.call_tool("fails", {})

        later.append(asyncio.create_task(rest()))
        return "done"

    @server.tool()
    async def fails() -> str:
        raise LookupError

    async def talk():
        async with Client(server) as client:
            made = request.begin(ToolNames(), "tools/call", {"name": "leaves"}, 1, {}, Peer())
            await server.call_tool("leaves", {})
            made.end(Verdict("ok"))
            await later[0]
            await client.call_tool("leaves", {})

    asyncio.run(talk())
    rows = [
        (span.name, span.attributes["cortex.outcome"])
        for span in hook.spans
        if span.attributes.get("gen_ai.operation.name") == "execute_tool"
    ]
    assert ("execute_tool fails", "crash") in rows


def test_a_list_of_another_shape_is_survived(hook):
    pages = [
        None,
        5,
        "tools",
        {"a": 1},
        [None, 5, "x"],
        [{"name": None}, {"name": {}}, {}],
        [{"name": "known"}],
    ]
    for page in pages:
        made = request.begin(ToolNames(), "tools/list", {}, 1, {}, Peer())
        assert mcp2._verdict_of_result(made, {"tools": page}).outcome == "ok"
        made.end(Verdict("ok"))
    assert made.known.has("tools/call", "known")
    for content in (None, 5, "text", {}, [], [None], [{}], [{"text": 5}], [["text"]]):
        made = request.begin(ToolNames(), "tools/call", {"name": "x"}, 1, {}, Peer())
        assert mcp2._verdict_of_result(made, {"content": content}).outcome == "ok"
        made.end(Verdict("ok"))


@pytest.mark.parametrize("method", sorted(methods.METHODS | {"own/method"}))
def test_a_method_that_was_answered_once_is_recorded_again(hook, method):
    known = ToolNames()
    for _ in range(3):
        made = request.begin(known, method, {}, 1, {}, Peer())
        made.learn()
        made.end(Verdict("ok"))
    recorded = method if method != "own/method" else "_OTHER"
    assert [span.attributes["mcp.method.name"] for span in hook.spans] == [recorded] * 3


def test_soft_errors_where_they_are_wanted(hook, monkeypatch):
    call("soft")
    monkeypatch.setattr(state, "soft_errors", ("error:", "fehler"))
    call("soft", "ok")
    outcomes = [
        (span.attributes["cortex.outcome"], span.attributes.get("cortex.soft_error"))
        for span in calls(hook)
    ]
    assert outcomes == [("ok", None), ("tool_error", True), ("ok", None)]


@pytest.mark.parametrize(("counted", "result"), [(True, "error"), (False, "success")])
def test_whether_the_clients_faults_are_errors(hook, monkeypatch, counted, result):
    monkeypatch.setattr(state, "client_errors", counted)

    made = request.begin(ToolNames(), "tools/call", {"name": "x"}, 1, {}, Peer())
    made.end(judge_error(-32602, None, is_known=False))
    found = calls(hook)
    assert [span.attributes["cortex.result"] for span in found] == [result]
    assert found[0].attributes["cortex.outcome"] == "unknown_tool"
    assert found[0].status.is_ok is not counted
    assert hook.point().attributes.get("error.type") == ("-32602" if counted else None)


def test_a_call_that_asks_is_linked_by_the_one_that_answers(hook):
    known, peer = ToolNames(), Peer()
    asking = request.begin(known, "tools/call", {"name": "a"}, 1, {}, peer)
    asking.ask("sealed state")
    asking.end(Verdict("input_required"))
    again = request.begin(
        known, "tools/call", {"name": "a", "requestState": "sealed state"}, 2, {}, peer
    )
    again.end(Verdict("ok"))
    first, second = calls(hook)
    assert first.attributes["cortex.outcome"] == "input_required"
    assert first.attributes["cortex.result"] == "success"
    assert [link.context.span_id for link in second.links] == [first.context.span_id]


def test_input_required_over_the_wire(hook):
    call("asks")
    assert "input_required" in [span.attributes["cortex.outcome"] for span in calls(hook)]


TRUSTED = {"user": "user.id", "tier": "cortex.tier", "session": "editor.session"}


@pytest.mark.parametrize("trusted", [{}, TRUSTED])
def test_baggage_is_believed_only_where_it_is_trusted(hook, monkeypatch, trusted):
    monkeypatch.setattr(state, "baggage", trusted)
    meta = {"baggage": "user.id=alice@example.com,cortex.tier=paid,editor.session=s1"}
    call("ok", meta=meta)
    (span,) = calls(hook)
    if trusted:
        assert span.attributes["user.hash"] == identity.user_hash("alice@example.com")
        assert span.attributes["cortex.user.tier"] == "paid"
        assert span.attributes["session.id"] == "s1"
    else:
        assert not {"user.hash", "session.id"} & set(span.attributes)
        assert span.attributes["cortex.user.tier"] == "free"
    assert "alice" not in str(dict(span.attributes))


def test_a_tier_that_is_none_is_not_believed(hook, monkeypatch):
    monkeypatch.setattr(state, "baggage", TRUSTED)
    call("ok", meta={"baggage": "cortex.tier=emperor"})
    assert calls(hook)[0].attributes["cortex.user.tier"] == "free"


def test_the_caller_is_the_parent_and_the_span_around_is_linked(hook):
    around = SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1))
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(around)))
    try:
        carrier = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01", "baggage": "a=b"}
        made = request.begin(ToolNames(), "ping", {}, 1, carrier, Peer())
        assert baggage.get_baggage("a") == "b", "baggage is kept for what the tool calls"
        made.end(Verdict("ok"))
        assert baggage.get_baggage("a") is None
        alone = request.begin(ToolNames(), "ping", {}, 2, {}, Peer())
        alone.end(Verdict("ok"))
    finally:
        context.detach(token)
    first, second = hook.spans
    assert first.parent.span_id == int("cd" * 8, 16)
    assert [link.context for link in first.links] == [around]
    assert second.parent == around
    assert not second.links
