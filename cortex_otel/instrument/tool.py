"""``instrument_tool``: a decorator that records one span and one metric point for every call.

It goes directly on the function, *below* ``@mcp.tool()``, so that the server registers the
instrumented function::

    @mcp.tool()
    @cortex_otel.instrument_tool
    async def search_context(query: str, top_k: int = 5) -> list[str]: ...

The wrapper is a real function with ``functools.wraps``, chosen once by the kind of function
(coroutine, async generator, generator, plain), so that signature, schema, docstring, ``Context``
injection and methods stay as they are on every MCP stack. The tool's return value and exception
pass through unchanged. Switched off, a call costs one more function call; switched off by the
environment before decoration, nothing.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from cortex_otel import guard
from cortex_otel.instrument.call import ToolCall, ToolInfo, name_of
from cortex_otel.instrument.registration import registered_with_a_server, warn_about_order
from cortex_otel.instrument.state import state
from cortex_otel.settings import enabled_by_host, read_environment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

__all__ = ["instrument_tool"]

F = TypeVar("F")


@overload
def instrument_tool(function: F, /) -> F: ...
@overload
def instrument_tool(function: None = None, /, *, name: str | None = None) -> Callable[[F], F]: ...


def instrument_tool(function: Any = None, /, *, name: str | None = None) -> Any:
    """Record every call of an MCP tool: span, metric and, in the store, one ``mcp.tool_call``.

    With and without arguments: ``@instrument_tool`` and ``@instrument_tool(name="search")``.

    Args:
        function: the tool: sync or async function, generator of either kind, method, class or
            static method.
        name: the tool's name, if the server registers it under a name other than the function's.

    Returns:
        A function with the same signature; ``function`` itself where telemetry is switched off.
    """
    if function is None:
        # The same call depth as without arguments: `registration` counts references on the way.
        def decorate(function: F) -> F:
            return cast("F", _decorate(function, name=name))

        return decorate
    return _decorate(function, name=name)


def _decorate(function: Any, *, name: str | None, is_inner: bool = False) -> Any:
    if isinstance(function, (classmethod, staticmethod)):
        inner = _decorate(function.__func__, name=name, is_inner=True)
        return function if inner is function.__func__ else type(function)(inner)
    if isinstance(function, str):
        raise TypeError(f"write @instrument_tool(name={function!r}): a name is given by keyword")
    if _switched_off():
        return function
    try:
        return _wrapped(function, name, is_inner=is_inner)
    except Exception as error:  # noqa: BLE001 - the host is being imported
        guard.swallowed("instrument_tool", error)
        return function


def _wrapped(function: Any, name: str | None, *, is_inner: bool) -> Any:
    if not inspect.isroutine(function) and not inspect.isfunction(inspect.unwrap(function)):
        # fastmcp 2 and 3: @mcp.tool has already turned the function into an object.
        warn_about_order(getattr(function, "name", None) or type(function).__name__)
        return function
    if registered_with_a_server(function, is_inner=is_inner):
        warn_about_order(name or name_of(function))
    tool = ToolInfo(function, name)
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, tool)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, tool)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, tool)
    else:
        wrapper = _plain(function, tool)
    wrapper = functools.wraps(function)(wrapper)
    if sys.version_info >= (3, 14) and getattr(function, "__annotate__", None) is None:
        # `wraps` copies the function that evaluates annotations, not annotations set by hand.
        wrapper.__annotations__ = getattr(function, "__annotations__", {})
    return wrapper


def _switched_off() -> bool:
    if state.active:
        return False
    # Invalid settings are reported at start-up.
    return not (read_environment(warn=lambda _line: None).enabled and enabled_by_host())


def _plain(function: Callable[..., Any], tool: ToolInfo) -> Callable[..., Any]:
    def call_tool(*args: Any, **kwargs: Any) -> Any:
        if not state.active:
            return function(*args, **kwargs)
        call = ToolCall(tool, args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.returned(result)
        return result

    return call_tool


def _coroutine(function: Callable[..., Any], tool: ToolInfo) -> Callable[..., Any]:
    async def call_tool(*args: Any, **kwargs: Any) -> Any:
        if not state.active:
            return await function(*args, **kwargs)
        call = ToolCall(tool, args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.returned(result)
        return result

    return call_tool


# A generator is suspended in the middle of the call, while other code runs in the same context:
# the span is current only while the tool's own code runs, and never held across a yield.


def _generator(
    function: Callable[..., Generator[Any, Any, Any]], tool: ToolInfo
) -> Callable[..., Any]:
    def call_tool(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if not state.active:
            return (yield from function(*args, **kwargs))
        call = ToolCall(tool, args, kwargs)
        body = function(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(next, body)
        while True:
            try:
                item = step()
            except StopIteration as stop:
                call.returned(stop.value)
                return stop.value
            except BaseException as error:
                call.failed(error)
                raise
            call.suspend()
            try:
                sent = yield item
            except BaseException as thrown:  # noqa: BLE001 - handled by the body, closing too
                call.resume()
                step = functools.partial(body.throw, thrown)
            else:
                call.resume()
                step = functools.partial(body.send, sent)

    return call_tool


def _async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], tool: ToolInfo
) -> Callable[..., Any]:
    async def call_tool(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        if not state.active:
            # No `yield from` for async generators: the same steps without the span.
            call = cast("ToolCall", ToolCall.INERT)
        else:
            call = ToolCall(tool, args, kwargs)
        body = function(*args, **kwargs)
        step: Any = body.__anext__
        while True:
            try:
                item = await step()
            except StopAsyncIteration:
                call.returned(None)
                return
            except BaseException as error:
                call.failed(error)
                raise
            call.suspend()
            try:
                sent = yield item
            except BaseException as thrown:  # noqa: BLE001 - handled by the body, closing too
                call.resume()
                step = functools.partial(body.athrow, thrown)
            else:
                call.resume()
                step = functools.partial(body.asend, sent)

    return call_tool
