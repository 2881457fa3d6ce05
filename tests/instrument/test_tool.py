"""What `instrument_tool` records, and that a tool can't tell that it is instrumented."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import json
import logging
import threading
import time
import traceback
import types
import typing

import pytest
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.sdk.trace import Span
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
)

from cortex_otel import guard, identity, instrument_tool
from cortex_otel.identity import Identity
from cortex_otel.instrument import call as call_module
from cortex_otel.instrument import registration
from cortex_otel.instrument.state import state
from cortex_otel.semconv import MCP_DURATION_BOUNDARIES

pytestmark = pytest.mark.usefixtures("faults_reach_the_test")

INSTRUMENTED = "call_tool"  # the one frame that the decorator adds


class Refusal(Exception):  # noqa: N818 - a host's own naming
    pass


def current_span():
    return trace.get_current_span()


def is_nothing(span):
    return span is trace.INVALID_SPAN


@pytest.fixture(autouse=True)
def no_span_is_left_current():
    yield
    assert is_nothing(current_span())


@pytest.fixture
def who(recorded):
    """Set the tier (and user) of whoever calls."""
    given = {}
    identity.set_identity_provider(lambda: Identity(**given))
    yield given.update
    identity.set_identity_provider(None)


# --- The function stays what it was -------------------------------------------------------------


def plain(query: str, /, top_k: int = 5, *rest: str, exact: bool = False, **more: int) -> list[str]:
    """Search the context."""
    return [query]


async def coroutine(query: str, top_k: int = 5) -> list[str]:
    """Search the context."""
    return [query]


def generator(query: str, top_k: int = 5) -> typing.Iterator[str]:
    """Search the context."""
    yield query


async def async_generator(query: str, top_k: int = 5) -> typing.AsyncIterator[str]:
    """Search the context."""
    yield query


KINDS = [plain, coroutine, generator, async_generator]


@pytest.mark.parametrize("function", KINDS)
@pytest.mark.parametrize(
    "decorate", [instrument_tool, instrument_tool(), instrument_tool(name="search")]
)
def test_the_function_looks_as_before(function, decorate):
    decorated = decorate(function)
    assert decorated is not function
    assert decorated.__wrapped__ is function
    assert inspect.signature(decorated) == inspect.signature(function)
    assert typing.get_type_hints(decorated) == typing.get_type_hints(function)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__"):
        assert getattr(decorated, attribute) == getattr(function, attribute)
    for kind in (
        inspect.isfunction, inspect.iscoroutinefunction, inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):  # fmt: skip
        assert kind(decorated) == kind(function)


def test_attributes_of_the_function_are_kept():
    def tool():
        return None

    tool.__tags__ = {"slow"}
    assert instrument_tool(tool).__tags__ == {"slow"}


def test_a_name_by_position_is_refused_with_what_to_write():
    with pytest.raises(TypeError, match=r"@instrument_tool\(name='search'\)"):
        instrument_tool("search")


@pytest.mark.parametrize("active", [True, False])
def test_any_way_to_pass_arguments(recorded, active):
    state.active = active

    @instrument_tool
    def tool(first, /, second=2, *rest, third, fourth=4, **more):
        return first, second, rest, third, fourth, more

    assert tool(1, third=3) == (1, 2, (), 3, 4, {})
    assert tool(1, 9, 8, 7, third=3, extra=0) == (1, 9, (8, 7), 3, 4, {"extra": 0})
    assert tool(1, third=3, function=5, tool=6, args=7) == (
        1, 2, (), 3, 4, {"function": 5, "tool": 6, "args": 7},
    )  # fmt: skip
    with pytest.raises(TypeError, match="third"):
        tool(1)


@pytest.mark.parametrize("active", [True, False])
async def test_result_and_exception_are_the_same_objects(recorded, active):
    state.active = active
    result, refusal = object(), Refusal("no")

    @instrument_tool
    def returns():
        return result

    @instrument_tool
    async def returns_later():
        await asyncio.sleep(0)
        return result

    @instrument_tool
    def raises():
        raise refusal

    @instrument_tool
    async def raises_later():
        await asyncio.sleep(0)
        raise refusal

    assert returns() is result
    assert await returns_later() is result
    with pytest.raises(Refusal) as sync_caught:
        raises()
    with pytest.raises(Refusal) as async_caught:
        await raises_later()
    assert sync_caught.value is async_caught.value is refusal
    assert refusal.__cause__ is refusal.__context__ is None
    assert not hasattr(refusal, "__notes__")
    assert len(recorded.spans) == (4 if active else 0)


async def test_the_traceback_has_one_frame_more(recorded):
    def raises():
        raise Refusal

    async def raises_later():
        await asyncio.sleep(0)
        raise Refusal

    def frames(error):
        return [frame.name for frame in traceback.extract_tb(error.__traceback__)][1:]

    with pytest.raises(Refusal) as caught:
        instrument_tool(raises)()
    assert frames(caught.value) == [INSTRUMENTED, "raises"]
    with pytest.raises(Refusal) as caught:
        await instrument_tool(raises_later)()
    assert frames(caught.value) == [INSTRUMENTED, "raises_later"]


async def test_cause_and_context_are_kept(recorded):
    @instrument_tool
    async def tool():
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise Refusal from error

    with pytest.raises(Refusal) as caught:
        await tool()
    assert isinstance(caught.value.__cause__, KeyError)
    assert recorded.span().attributes["cortex.error.location"].count("<-") == 1


class Tools:
    @instrument_tool
    def method(self, query: str) -> tuple[object, str]:
        return self, query

    @instrument_tool
    async def later(self, query: str) -> tuple[object, str]:
        return self, query

    @instrument_tool
    @classmethod
    def outer_class(cls, query: str) -> tuple[object, str]:
        """Class method."""
        return cls, query

    @classmethod
    @instrument_tool
    def inner_class(cls, query: str) -> tuple[object, str]:
        """Class method."""
        return cls, query

    @instrument_tool
    @staticmethod
    def outer_static(query: str) -> str:
        """Static method."""
        return query

    @staticmethod
    @instrument_tool
    def inner_static(query: str) -> str:
        """Static method."""
        return query

    def bound(self, query: str) -> tuple[object, str]:
        """Bound first."""
        return self, query


class Subclass(Tools):
    pass


async def test_methods_of_every_kind(recorded):
    tools = Subclass()
    assert tools.method("a") == (tools, "a")
    assert await tools.later("a") == (tools, "a")
    assert tools.outer_class("a") == tools.inner_class("a") == (Subclass, "a")
    assert Subclass.outer_class("a") == Subclass.inner_class("a") == (Subclass, "a")
    assert tools.outer_static("a") == Tools.inner_static("a") == "a"
    assert instrument_tool(tools.bound)("a") == (tools, "a")
    shapes = {span.attributes["cortex.tool.parameters"] for span in recorded.spans}
    assert shapes == {"query:str"}
    assert isinstance(Tools.__dict__["outer_class"], classmethod)
    assert isinstance(Tools.__dict__["outer_static"], staticmethod)
    for method in (tools.bound, instrument_tool(tools.bound)):
        assert list(inspect.signature(method).parameters) == ["query"]
        assert method.__doc__ == "Bound first."


def test_a_function_that_another_decorator_wrapped(recorded):
    @instrument_tool
    @functools.lru_cache
    def tool(query):
        return [query]

    assert tool("a") is tool("a")
    assert [span.name for span in recorded.spans] == ["tools/call tool"] * 2


async def test_a_sync_tool_that_returns_an_awaitable_returns_it(recorded):
    @instrument_tool
    def tool():
        return asyncio.sleep(0, "done")

    assert await tool() == "done"


# --- Generators ---------------------------------------------------------------------------------


def conversation(first):
    """Yields what it is sent; ends on None."""
    sent = yield first
    while sent is not None:
        try:
            sent = yield sent
        except KeyError as error:
            sent = yield error
    return "the end"


def test_a_generator_takes_what_it_is_sent_and_thrown(recorded):
    tool = instrument_tool(conversation)("hello")
    assert next(tool) == "hello"
    assert tool.send(1) == 1
    thrown = KeyError("x")
    assert tool.throw(thrown) is thrown
    assert tool.send(2) == 2
    assert recorded.spans == []
    with pytest.raises(StopIteration) as stopped:
        next(tool)
    assert stopped.value.value == "the end"
    span = recorded.span()
    assert "cortex.result" not in span.attributes
    assert span.status.status_code is StatusCode.UNSET


def test_yield_from_a_generator_gets_its_return_value(recorded):
    def outer():
        return (yield from instrument_tool(conversation)("hello"))

    tool = outer()
    next(tool)
    with pytest.raises(StopIteration) as stopped:
        tool.send(None)
    assert stopped.value.value == "the end"


@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
def test_closing_a_generator_cleans_up_once_and_at_once(recorded, decorate):
    cleaned = []

    @decorate
    def tool():
        try:
            yield 1
        finally:
            cleaned.append(True)

    for close in (lambda it: it.close(), lambda it: it.__del__ and None):
        running = tool()
        next(running)
        close(running)
        del running
        gc.collect()
    assert cleaned == [True, True]
    if decorate is instrument_tool:
        for span in recorded.spans:
            assert span.attributes["cortex.result"] == "cancelled"
            assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
def test_a_generator_that_answers_its_closing(recorded, decorate):
    @decorate
    def ignores():
        while True:
            try:
                yield 1
            except GeneratorExit:
                yield 2
                return

    @decorate
    def raises():
        try:
            yield 1
        finally:
            raise Refusal

    @decorate
    def goes_on():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    running = ignores()
    next(running)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        running.close()
    running.close()
    running = raises()
    next(running)
    with pytest.raises(Refusal):
        running.close()
    running = goes_on()
    next(running)
    assert running.throw(GeneratorExit) == 2
    with pytest.raises(StopIteration):
        next(running)


def test_a_generator_that_was_never_started_is_no_call(recorded):
    instrument_tool(conversation)("hello").close()
    assert recorded.spans == []


@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
def test_a_generator_that_lets_stop_iteration_out(recorded, decorate):
    @decorate
    def tool():
        yield 1

    running = tool()
    next(running)
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        running.throw(StopIteration())


def test_an_exception_of_a_generator_is_the_same_object(recorded):
    refusal = Refusal()

    @instrument_tool
    def tool():
        yield 1
        raise refusal

    with pytest.raises(Refusal) as caught:
        list(tool())
    assert caught.value is refusal
    assert recorded.span().attributes["error.type"].endswith("Refusal")


def test_a_generators_span_is_current_in_the_tool_and_never_across_a_yield(recorded):
    inside = []

    @instrument_tool
    def tool():
        inside.append(current_span())
        yield 1
        inside.append(current_span())
        try:
            yield 2
        finally:
            inside.append(current_span())

    for _ in tool():
        assert is_nothing(current_span())
    assert is_nothing(current_span())
    assert {span.get_span_context().span_id for span in inside} == {recorded.span().context.span_id}


def test_two_generators_in_step_keep_their_spans_apart(recorded):
    @instrument_tool
    def tool():
        for _ in range(2):
            yield current_span().get_span_context().span_id

    pairs = list(zip(tool(), tool(), strict=True))
    assert pairs[0] == pairs[1]
    assert len(set(pairs[0])) == 2
    assert [span.parent for span in recorded.spans] == [None, None]


def test_a_generator_that_moves_between_threads(recorded):
    @instrument_tool
    def tool():
        yield 1
        yield 2

    running = tool()
    next(running)
    thread = threading.Thread(target=lambda: (next(running), running.close()))
    thread.start()
    thread.join()
    assert recorded.span().attributes["cortex.result"] == "cancelled"


async def async_conversation(first):
    sent = yield first
    while sent is not None:
        await asyncio.sleep(0)
        try:
            sent = yield sent
        except KeyError as error:
            sent = yield error


@pytest.mark.parametrize("active", [True, False])
async def test_an_async_generator_takes_what_it_is_sent_and_thrown(recorded, active):
    state.active = active
    tool = instrument_tool(async_conversation)("hello")
    assert await anext(tool) == "hello"
    assert await tool.asend(1) == 1
    thrown = KeyError("x")
    assert await tool.athrow(thrown) is thrown
    assert await tool.asend(2) == 2
    assert recorded.spans == []
    with pytest.raises(StopAsyncIteration):
        await anext(tool)
    if active:
        assert "cortex.result" not in recorded.span().attributes


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("decorate", [lambda function: function, instrument_tool])
async def test_closing_an_async_generator_awaits_its_cleaning_up(recorded, decorate, active):
    state.active = active
    cleaned = []

    @decorate
    async def tool():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    running = tool()
    await anext(running)
    await running.aclose()
    assert cleaned == [True]
    async for _ in tool():
        break  # abandoned: asyncio closes it when it is collected
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert cleaned == [True, True]
    if active and decorate is instrument_tool:
        assert [span.attributes["cortex.result"] for span in recorded.spans] == ["cancelled"] * 2


async def test_an_async_generators_span_is_never_current_across_a_yield(recorded):
    inside = []

    @instrument_tool
    async def tool():
        inside.append(current_span())
        yield 1
        await asyncio.sleep(0)
        inside.append(current_span())
        yield 2

    async for _ in tool():
        assert is_nothing(current_span())
    assert {span.get_span_context().span_id for span in inside} == {recorded.span().context.span_id}


async def test_an_exception_of_an_async_generator_is_the_same_object(recorded):
    refusal = Refusal()

    @instrument_tool
    async def tool():
        yield 1
        raise refusal

    with pytest.raises(Refusal) as caught:
        async for _ in tool():
            pass
    assert caught.value is refusal
    assert recorded.span().status.status_code is StatusCode.ERROR


async def test_an_async_generator_that_is_cancelled(recorded):
    @instrument_tool
    async def tool():
        yield 1
        await asyncio.sleep(60)

    async def consume():
        async for _ in tool():
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorded.span().attributes["cortex.result"] == "cancelled"


# --- What a call records ------------------------------------------------------------------------


async def test_a_call_at_the_top_is_a_server_span_by_the_conventions(recorded, who):
    who(tier="paid")

    @instrument_tool
    async def search_context(query: str, top_k: int = 5, weights: dict | None = None):
        await asyncio.sleep(0.02)
        return []

    await search_context("secret words", top_k=3, weights=None)
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
    assert 0.02e9 <= span.end_time - span.start_time < 2e9
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


def test_an_error_is_told_by_type_and_place_never_by_its_text(recorded):
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


async def test_time_outs_are_told_from_errors(recorded):
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
def test_a_result_that_says_error_is_an_error(recorded, field, value):
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
    from mcp_types import CallToolResult  # noqa: PLC0415 - only here

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
    assert len(info._shapes) == call_module._MAX_SHAPES


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

    tool()
    span = recorded.span()
    assert span.start_time == 2_000_000_000_000_000_000
    assert 0 <= span.end_time - span.start_time < 10**9
    assert 0 <= recorded.point().sum < 1


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
        SpanKind.INTERNAL, SpanKind.INTERNAL, SpanKind.SERVER,
    ]  # fmt: skip
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


def conversation_tool():
    return "answer"


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


def test_a_native_span_is_enriched_and_no_twin_made(recorded, who):
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


async def test_a_native_span_is_told_what_went_wrong(recorded):
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
    def tool(fail=False):
        time.sleep(0.011)
        if fail:
            raise Refusal

    for _ in range(3):
        tool()
    with pytest.raises(Refusal):
        tool(fail=True)
    metric = recorded.metrics()["mcp.server.operation.duration"]
    assert metric.unit == "s"
    good, bad = sorted(metric.data.data_points, key=lambda point: -point.count)
    assert good.explicit_bounds == MCP_DURATION_BOUNDARIES
    assert (good.count, bad.count) == (3, 1)
    assert 0.033 <= good.sum < 3
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
    assert {tuple(point.attributes[key] for key in keys) for point in recorded.points()} == set(seen)


# --- Switched off -------------------------------------------------------------------------------


@pytest.fixture
def switched_off(monkeypatch, tmp_path, request):
    state.reset()
    if request.param == "host":
        monkeypatch.setitem(
            __import__("sys").modules, "config", types.SimpleNamespace(TELEMETRY_ENABLED=False)
        )
    else:
        variable, value = request.param.split("=")
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "home"))
    yield
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "switched_off", ["CORTEX_OTEL_ENABLED=false", "OTEL_SDK_DISABLED=true", "host"], indirect=True
)
@pytest.mark.parametrize(
    "function", [*KINDS, Tools().bound, classmethod(plain), staticmethod(plain)]
)
def test_switched_off_the_function_is_the_very_same(switched_off, function):
    assert instrument_tool(function) is function
    assert instrument_tool(name="x")(function) is function


def test_switched_off_though_another_setting_makes_no_sense(monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_ENABLED", "false")
    monkeypatch.setenv("CORTEX_OTEL_HOME", " ")
    monkeypatch.setenv("CORTEX_OTEL_QUEUE_SIZE", "a lot")
    assert instrument_tool(plain) is plain


async def test_not_configured_a_call_passes_through(recorded):
    state.active = False

    @instrument_tool
    def sync_tool():
        return current_span()

    @instrument_tool
    async def async_tool():
        return current_span()

    assert is_nothing(sync_tool())
    assert is_nothing(await async_tool())
    assert list(instrument_tool(generator)("a")) == ["a"]
    assert [item async for item in instrument_tool(async_generator)("a")] == ["a"]
    state.active = True
    sync_tool()
    assert len(recorded.spans) == 1


def test_switched_off_during_a_call(recorded):
    @instrument_tool
    def tool():
        state.active = False
        yield 1
        assert current_span() is not trace.INVALID_SPAN
        yield 2

    assert list(tool()) == [1, 2]
    assert len(recorded.spans) == 1


# --- Faults of telemetry ------------------------------------------------------------------------


class Fault(Exception):  # noqa: N818 - what breaks in these tests
    pass


def fault(*args, **kwargs):
    raise Fault("telemetry broke")


async def drive(kind):
    """Call an instrumented tool of `kind` to its end, and one that raises."""
    if kind == "sync":
        assert instrument_tool(conversation_tool)() == "answer"

        def fails():
            raise Refusal

        with pytest.raises(Refusal):
            instrument_tool(fails)()
    elif kind == "async":
        assert await instrument_tool(coroutine)("a") == ["a"]

        async def fails():
            raise Refusal

        with pytest.raises(Refusal):
            await instrument_tool(fails)()
    elif kind == "generator":
        assert list(instrument_tool(generator)("a")) == ["a"]

        def fails():
            yield 1
            raise Refusal

        with pytest.raises(Refusal):
            list(instrument_tool(fails)())
    else:
        assert [item async for item in instrument_tool(async_generator)("a")] == ["a"]

        async def fails():
            yield 1
            raise Refusal

        with pytest.raises(Refusal):
            async for _ in instrument_tool(fails)():
                pass


@pytest.mark.parametrize("kind", ["sync", "async", "generator", "async generator"])
@pytest.mark.parametrize(
    ("place", "where"),
    [
        ("start_span", "start"),
        ("identity", "start"),
        ("shape", "start"),
        ("attach", "start"),
        ("end", "end"),
        ("set_status", "end"),
        ("set_attributes", "end"),
        ("summary", "end"),
        ("metric", "end"),
    ],
)
async def test_a_fault_never_reaches_the_host_and_is_counted(
    faults_are_swallowed, monkeypatch, kind, place, where
):
    match place:
        case "start_span":
            monkeypatch.setattr(state, "tracer", types.SimpleNamespace(start_span=fault))
        case "identity":
            monkeypatch.setattr(identity, "current", fault)
        case "shape":
            monkeypatch.setattr(call_module.ToolInfo, "shape", fault)
        case "attach":
            monkeypatch.setattr(call_module.context_api, "attach", fault)
        case "summary":
            monkeypatch.setattr(call_module, "summarize_exception", fault)
        case "metric":
            monkeypatch.setattr(state, "operation_duration", types.SimpleNamespace(record=fault))
        case _:
            monkeypatch.setattr(Span, place, fault)
    await drive(kind)
    assert is_nothing(current_span())
    faults = faults_are_swallowed()
    assert faults
    assert all(key.startswith("instrument_tool.") for key in faults)
    assert faults[f"instrument_tool.{where}"] == (
        1 if place in ("summary", "set_status", "set_attributes") else 2
    )


def test_a_fault_is_logged_by_type_and_place_only(faults_are_swallowed, monkeypatch, caplog):
    monkeypatch.setattr(Span, "end", fault)
    tool = instrument_tool(conversation_tool)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            tool()
    (record,) = caplog.records
    assert "instrument_tool.end: Fault" in record.getMessage()
    assert "telemetry broke" not in record.getMessage()
    assert faults_are_swallowed() == {"instrument_tool.end": 5}


def test_a_provider_that_raises_is_counted_and_the_call_recorded(recorded, faults_are_swallowed):
    identity.set_identity_provider(fault)
    try:
        assert instrument_tool(conversation_tool)() == "answer"
    finally:
        identity.set_identity_provider(None)
    assert recorded.span().attributes["cortex.user.tier"] == "free"
    assert faults_are_swallowed() == {"identity.provider": 1}


# --- Above @mcp.tool() --------------------------------------------------------------------------


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if "stands above" in record.msg]


def test_above_a_server_that_returns_the_function_warns_once(caplog):
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415 - slow

    server = MCPServer("order")
    for _ in range(2):
        instrument_tool(server.tool(name="search")(conversation_tool))
    (message,) = warnings_of(caplog)
    assert "tool conversation_tool:" in message
    assert "@mcp.tool() on top" in message


def test_above_a_server_that_makes_an_object_warns_once_and_returns_it(caplog):
    tool = types.SimpleNamespace(name="search", fn=conversation_tool)
    assert instrument_tool(tool) is tool
    assert instrument_tool(name="search")(tool) is tool
    (message,) = warnings_of(caplog)
    assert "tool search:" in message


@pytest.mark.parametrize("decorate", [instrument_tool, instrument_tool(name="search")])
def test_above_it_by_syntax(caplog, decorate):
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415 - slow

    server = MCPServer("order")

    @decorate
    @server.tool()
    def tool(query: str) -> str:
        return query

    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize("decorate", [instrument_tool, instrument_tool(name="search")])
def test_below_it_nothing_is_said_and_no_object_searched(caplog, monkeypatch, decorate):
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415 - slow

    monkeypatch.setattr(registration.gc, "get_referrers", fault)
    server = MCPServer("order")

    @server.tool()
    @decorate
    def tool(query: str) -> str:
        return query

    class Host:
        @decorate
        async def method(self):
            pass

        @decorate
        @classmethod
        def class_method(cls):
            pass

    assert warnings_of(caplog) == []


def test_a_function_that_others_refer_to_is_not_said_to_be_above(caplog):
    def tool():
        return None

    held = [{"fn": tool}, functools.partial(tool)] * 10
    instrument_tool(tool)
    assert warnings_of(caplog) == []
    assert held
