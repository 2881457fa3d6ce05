"""Neither a tool nor its callers notice that it is instrumented."""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
import types
import typing

import pytest
from opentelemetry import trace

from cortex_otel import instrument_tool
from cortex_otel.instrument.state import state

INSTRUMENTED = "call_tool"  # the one frame that the decorator adds


class Refusal(Exception):
    pass


def current_span():
    return trace.get_current_span()


def is_nothing(span):
    return span is trace.INVALID_SPAN


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
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):
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
        1,
        2,
        (),
        3,
        4,
        {"function": 5, "tool": 6, "args": 7},
    )
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


def test_switched_off_even_if_another_setting_is_invalid(monkeypatch):
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
