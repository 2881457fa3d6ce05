"""What `instrument_tool` records about a call."""

from __future__ import annotations

import asyncio
import json
import time
import types

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
)

from cortex_otel import guard, instrument_tool
from cortex_otel.instrument import call as call_module
from cortex_otel.instrument.state import state
from cortex_otel.semconv import MCP_SERVER_OPERATION_DURATION_BOUNDARIES


class Refusal(Exception):
    pass


def current_span():
    return trace.get_current_span()


def is_nothing(span):
    return span is trace.INVALID_SPAN


def conversation_tool():
    return "answer"


async def test_a_call_at_the_top_is_a_server_span_by_the_conventions(recorded, who):
    who(tier="paid")

    @instrument_tool
    async def search_context(query: str, top_k: int = 5, weights: dict | None = None):
        await asyncio.sleep(0.02)
        return []

    began = time.time_ns()
    await search_context("secret words", top_k=3, weights=None)
    whole = time.time_ns() - began
    span = recorded.span()
    assert span.name == "tools/call search_context"
    assert span.kind is SpanKind.SERVER
    assert span.parent is None
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "search_context",
        "gen_ai.operation.name": "execute_tool",
        "cortex.event.type": "mcp.tool_call",
        "cortex.service": "mcp",
        "cortex.user.tier": "paid",
        "cortex.tool.parameters": "query:str,top_k:int,weights:null",
    }
    assert 0.02e9 <= span.end_time - span.start_time <= whole
    assert span.events == ()


def test_the_name_can_be_given(recorded):
    @instrument_tool(name="search")
    def search_context():
        return None

    search_context()
    assert recorded.span().name == "tools/call search"
    assert recorded.point().attributes["gen_ai.tool.name"] == "search"


def test_the_span_is_current_in_the_tool(recorded):
    @instrument_tool
    def tool():
        current_span().set_attribute("host.own", 1)
        with recorded.native_tracer.start_as_current_span("inner"):
            pass

    tool()
    inner, span = recorded.spans
    assert inner.parent.span_id == span.context.span_id
    assert span.attributes["host.own"] == 1


def test_an_error_is_recorded_by_type_and_location_never_by_its_text(recorded):
    @instrument_tool
    def tool():
        raise Refusal("alice's secret")

    with pytest.raises(Refusal):
        tool()
    span = recorded.span()
    assert span.attributes["cortex.result"] == "error"
    assert span.attributes["error.type"].endswith("Refusal")
    assert span.attributes["cortex.exception.type"] == span.attributes["error.type"]
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert span.events == ()
    assert "secret" not in json.dumps(dict(span.attributes))
    assert recorded.point().attributes["error.type"] == span.attributes["error.type"]


async def test_time_outs_are_distinguished_from_errors(recorded):
    @instrument_tool
    async def own_limit():
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

    @instrument_tool
    async def waits():
        await asyncio.wait_for(asyncio.sleep(60), 0.01)

    @instrument_tool
    def raises():
        raise asyncio.TimeoutError  # noqa: UP041 - spelled as hosts spell it

    for tool in (own_limit, waits):
        with pytest.raises(TimeoutError):
            await tool()
    with pytest.raises(TimeoutError):
        raises()
    for span in recorded.spans:
        assert span.attributes["cortex.result"] == "timeout"
        assert span.attributes["error.type"] == "TimeoutError"
        assert span.status.status_code is StatusCode.ERROR
    assert len(recorded.spans) == 3


@pytest.mark.parametrize("how", ["cancel", "wait_for", "timeout"])
async def test_a_cancelled_call_is_no_error(recorded, how):
    @instrument_tool
    async def tool():
        await asyncio.sleep(60)

    if how == "cancel":
        task = asyncio.create_task(tool())
        await asyncio.sleep(0.01)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        assert task.cancelled()
    elif how == "wait_for":
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tool(), 0.01)
    else:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await tool()
    span = recorded.span()
    assert span.attributes["cortex.result"] == "cancelled"
    assert span.attributes["error.type"] == "cancelled"
    assert span.status.status_code is StatusCode.UNSET


def test_trios_cancellation_is_one(recorded):
    trio_cancelled = type("Cancelled", (BaseException,), {"__module__": "trio"})

    @instrument_tool
    def tool():
        raise trio_cancelled

    with pytest.raises(trio_cancelled):
        tool()
    assert recorded.span().attributes["cortex.result"] == "cancelled"


async def test_a_coroutine_that_is_closed_is_cancelled(recorded):
    @instrument_tool
    async def tool():
        await asyncio.sleep(60)

    running = tool()
    running.send(None)
    context = context_api.get_current()
    running.close()
    assert context_api.get_current() is not context
    assert recorded.span().attributes["cortex.result"] == "cancelled"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit(3)])
def test_interrupt_and_exit_pass_through(recorded, error):
    @instrument_tool
    def tool():
        raise error

    with pytest.raises((KeyboardInterrupt, SystemExit)) as caught:
        tool()
    assert caught.value is error or caught.type is error
    assert recorded.span().attributes["cortex.result"] == "error"
    assert guard.faults() == {}


@pytest.mark.parametrize("field", ["isError", "is_error"])
@pytest.mark.parametrize("value", [True, False, 1, "true"])
def test_a_result_with_is_error_is_an_error(recorded, field, value):
    result = types.SimpleNamespace(content=[], **{field: value})
    assert instrument_tool(lambda: result)() is result
    attributes = recorded.span().attributes
    if value is True:
        assert attributes["cortex.result"] == "error"
        assert attributes["error.type"] == "tool_error"
        assert recorded.span().status.status_code is StatusCode.ERROR
    else:
        assert "cortex.result" not in attributes


def test_the_result_object_of_the_sdk(recorded):
    from mcp_types import CallToolResult

    instrument_tool(lambda: CallToolResult(content=[], is_error=True))()
    assert recorded.span().attributes["error.type"] == "tool_error"


def test_a_result_is_only_looked_at_where_nothing_of_the_host_runs(recorded):
    class Result:
        def __getattr__(self, name):
            raise RuntimeError(name)

        def __bool__(self):
            raise RuntimeError

    class Proxy(Result):
        __slots__ = ()

    for result in (Result(), Proxy()):
        assert instrument_tool(lambda result=result: result)() is result
    assert len(recorded.spans) == 2


def test_the_shape_of_parameters_has_names_and_types_only(recorded):
    class Context:
        pass

    class Tool:
        @instrument_tool
        def run(self, text, number=0, *rest, flag=False, ctx=None, **more):
            return None

    Tool().run("secret", 2.5, "x", flag=True, ctx=Context(), unknown="secret")
    Tool().run([1], {"a": 1})
    shapes = [span.attributes["cortex.tool.parameters"] for span in recorded.spans]
    assert shapes == [
        "text:str,number:float,rest:str,flag:bool,ctx:object",
        "text:list,number:dict",
    ]


def test_the_memory_of_shapes_is_bounded(recorded):
    tool = instrument_tool(lambda value: value)
    for number in range(call_module._MAX_SHAPES + 50):
        tool(type(f"T{number}", (), {})())
    (info,) = (
        cell.cell_contents
        for cell in tool.__closure__
        if isinstance(cell.cell_contents, call_module.ToolInfo)
    )
    assert len(info._shapes) <= call_module._MAX_SHAPES


def test_content_is_captured_only_on_request(recorded):
    @instrument_tool
    def tool(query):
        if query == "bad":
            raise Refusal("the reason")
        return {"found": query}

    tool("first")
    state.capture_content = True
    tool("second")
    with pytest.raises(Refusal):
        tool("bad")
    off, on, failed = (span.attributes for span in recorded.spans)
    assert not any(key.startswith("gen_ai.tool.call") for key in off)
    assert json.loads(on["gen_ai.tool.call.arguments"]) == {"args": ["second"]}
    assert json.loads(on["gen_ai.tool.call.result"]) == {"found": "second"}
    assert failed["exception.message"] == "the reason"


def test_a_clock_set_back_makes_no_negative_duration(recorded, monkeypatch):
    now = [2_000_000_000_000_000_000]
    monkeypatch.setattr(time, "time_ns", lambda: now[0])

    @instrument_tool
    def tool():
        now[0] -= 3600 * 10**9

    began = time.perf_counter()
    tool()
    whole = time.perf_counter() - began
    span = recorded.span()
    assert span.start_time == 2_000_000_000_000_000_000
    assert 0 <= span.end_time - span.start_time <= whole * 10**9
    assert 0 <= recorded.point().sum <= whole


# --- Where it stands ----------------------------------------------------------------------------


def test_a_tool_that_calls_a_tool(recorded):
    @instrument_tool
    def inner():
        raise Refusal

    @instrument_tool
    def outer():
        with pytest.raises(Refusal):
            inner()

    outer()
    nested, top = recorded.spans
    assert (top.name, top.kind) == ("tools/call outer", SpanKind.SERVER)
    assert (nested.name, nested.kind) == ("execute_tool inner", SpanKind.INTERNAL)
    assert nested.parent.span_id == top.context.span_id
    assert "error.type" not in top.attributes
    # One operation of the server, whatever it called inside.
    assert recorded.point().attributes["gen_ai.tool.name"] == "outer"


def test_recursion_makes_a_span_each(recorded):
    @instrument_tool
    def tool(depth):
        return tool(depth - 1) if depth else None

    tool(2)
    assert [span.kind for span in recorded.spans] == [
        SpanKind.INTERNAL,
        SpanKind.INTERNAL,
        SpanKind.SERVER,
    ]
    assert recorded.point().count == 1


async def test_calls_at_the_same_time_have_traces_of_their_own(recorded):
    @instrument_tool
    async def tool():
        await asyncio.sleep(0.001)
        return current_span().get_span_context().span_id

    ids = await asyncio.gather(*(tool() for _ in range(20)))
    assert set(ids) == {span.context.span_id for span in recorded.spans}
    assert len({span.context.trace_id for span in recorded.spans}) == 20
    assert all(span.parent is None for span in recorded.spans)


def test_under_a_host_span_it_is_internal_and_measured(recorded):
    with recorded.tracer_provider.get_tracer("web").start_as_current_span("GET /mcp"):
        instrument_tool(lambda: None)()
    span, _ = recorded.spans
    assert span.kind is SpanKind.INTERNAL
    assert recorded.point().count == 1


@pytest.mark.parametrize("flags", [TraceFlags.SAMPLED, TraceFlags.DEFAULT])
def test_a_remote_parent_is_the_clients_and_the_span_a_server_span(recorded, flags):
    remote = SpanContext(0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(flags))
    token = context_api.attach(trace.set_span_in_context(NonRecordingSpan(remote)))
    try:
        instrument_tool(conversation_tool)()
    finally:
        context_api.detach(token)
    if flags == TraceFlags.DEFAULT:
        return  # the SDK's own sampler follows the client; ours (test_distro) records it
    span = recorded.span()
    assert span.kind is SpanKind.SERVER
    assert (span.context.trace_id, span.parent.span_id) == (0xABC, 0xDEF)


def native_span(recorded, tool, **attributes):
    """A SERVER span as mcp 2 makes it."""
    return recorded.native_tracer.start_as_current_span(
        f"tools/call {tool}",
        kind=SpanKind.SERVER,
        attributes={
            "mcp.method.name": "tools/call",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "jsonrpc.request.id": "7",
            **attributes,
        },
        record_exception=False,
        set_status_on_exception=False,
    )


def test_a_native_span_is_enriched_instead_of_a_second_one(recorded, who):
    who(tier="enterprise")

    @instrument_tool
    def search(query):
        assert current_span() is native
        return []

    with native_span(recorded, "search") as native:
        search("x")
        assert native.is_recording()
    span = recorded.span()
    assert span.instrumentation_scope.name == "mcp-python-sdk"
    assert span.attributes["cortex.event.type"] == "mcp.tool_call"
    assert span.attributes["cortex.user.tier"] == "enterprise"
    assert span.attributes["cortex.tool.parameters"] == "query:str"
    assert span.attributes["jsonrpc.request.id"] == "7"
    assert recorded.point().attributes["gen_ai.tool.name"] == "search"
    assert recorded.point().count == 1


async def test_a_native_span_gets_the_error(recorded):
    @instrument_tool
    async def fails():
        raise Refusal("secret")

    @instrument_tool
    async def hangs():
        await asyncio.sleep(60)

    with native_span(recorded, "fails"), pytest.raises(Refusal):
        await fails()
    with native_span(recorded, "hangs"), pytest.raises(TimeoutError):
        await asyncio.wait_for(hangs(), 0.01)
    failed, cancelled = recorded.spans
    assert failed.attributes["cortex.result"] == "error"
    assert failed.attributes["cortex.exception.type"].endswith("Refusal")
    assert "secret" not in json.dumps(dict(failed.attributes))
    # The status is the library's own to set: it knows what it answers.
    assert failed.status.status_code is StatusCode.UNSET
    assert cancelled.attributes["cortex.result"] == "cancelled"


def test_a_native_span_is_enriched_by_a_generator(recorded):
    @instrument_tool
    def tool():
        yield current_span()
        yield current_span()

    with native_span(recorded, "tool") as native:
        for inside in tool():
            assert inside is native
            assert current_span() is native
    assert len(recorded.spans) == 1


def test_the_second_call_under_a_native_span_is_nested(recorded):
    tool = instrument_tool(conversation_tool)
    with native_span(recorded, "conversation_tool"):
        tool()
        tool()
    nested, native = recorded.spans
    assert nested.kind is SpanKind.INTERNAL
    assert nested.parent.span_id == native.context.span_id
    assert recorded.point().count == 1


def test_the_native_span_of_another_tool_is_left_alone(recorded):
    with native_span(recorded, "other"):
        instrument_tool(conversation_tool)()
    nested, native = recorded.spans
    assert nested.name == "execute_tool conversation_tool"
    assert not any(key.startswith("cortex.") for key in native.attributes)


@pytest.mark.parametrize("kind", [SpanKind.CLIENT, SpanKind.INTERNAL])
def test_a_clients_span_of_the_same_call_is_not_the_servers(recorded, kind):
    tracer = recorded.native_tracer
    attributes = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "conversation_tool"}
    with tracer.start_as_current_span("tools/call", kind=kind, attributes=attributes):
        instrument_tool(conversation_tool)()
    nested, native = recorded.spans
    assert nested.kind is SpanKind.INTERNAL
    assert not any(key.startswith("cortex.") for key in native.attributes)


def test_a_span_of_another_method_is_not_the_tools(recorded):
    with native_span(recorded, "conversation_tool", **{"mcp.method.name": "prompts/get"}):
        instrument_tool(conversation_tool)()
    assert len(recorded.spans) == 2


# --- Metric -------------------------------------------------------------------------------------


def test_the_metric_is_by_the_conventions(recorded, who):
    who(tier="trial")

    @instrument_tool
    def tool(*, fail=False):
        time.sleep(0.011)
        if fail:
            raise Refusal

    began = time.perf_counter()
    for _ in range(3):
        tool()
    whole = time.perf_counter() - began
    with pytest.raises(Refusal):
        tool(fail=True)
    metric = recorded.metrics()["mcp.server.operation.duration"]
    assert metric.unit == "s"
    good, bad = sorted(metric.data.data_points, key=lambda point: -point.count)
    assert good.explicit_bounds == MCP_SERVER_OPERATION_DURATION_BOUNDARIES
    assert (good.count, bad.count) == (3, 1)
    assert 0.033 <= good.sum <= whole
    assert good.bucket_counts[0] == 0
    attributes = {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "tool",
        "gen_ai.operation.name": "execute_tool",
        "cortex.service": "mcp",
        "cortex.user.tier": "trial",
    }
    assert dict(good.attributes) == attributes
    assert dict(bad.attributes) == attributes | {"error.type": bad.attributes["error.type"]}
    assert bad.attributes["error.type"].endswith("Refusal")


def test_tier_and_service_that_change_show_from_then_on(recorded, who):
    tool = instrument_tool(conversation_tool)
    who(tier="free")
    tool()
    who(tier="paid")
    tool()
    state.service = "web"
    tool()
    seen = [("free", "mcp"), ("paid", "mcp"), ("paid", "web")]
    keys = ("cortex.user.tier", "cortex.service")
    assert [tuple(span.attributes[key] for key in keys) for span in recorded.spans] == seen
    assert {tuple(point.attributes[key] for key in keys) for point in recorded.points()} == set(
        seen
    )
