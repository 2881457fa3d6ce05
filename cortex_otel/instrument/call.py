"""One call of an instrumented tool, from its start to its outcome.

If the wire hook has made a span of the request (or, without the hook, the server a native one), the
call adds what only it knows to that span instead of making a second one. Elsewhere it makes a span:
SERVER at the top, INTERNAL under another local span. Nothing here raises into the tool. Durations
use the monotonic clock: a wall clock set back during a call can't make one negative.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from cortex_otel import guard, identity
from cortex_otel import semconv as sc
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.metrics import few
from cortex_otel.instrument.state import state
from cortex_otel.process.budget import declare
from cortex_otel.process.exceptions import summarize_exception
from cortex_otel.span import internals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span

    from cortex_otel.instrument.request import McpRequest

__all__ = ["ToolCall", "ToolInfo", "name_of"]

# Type names of JSON values; others (a server's Context, a pydantic model) are recorded as `object`.
_JSON_TYPES: Final = {
    str: "str", int: "int", float: "float", bool: "bool", list: "list", dict: "dict",
    tuple: "list", type(None): "null",
}  # fmt: skip
# A generator or coroutine is closed when its consumer stops early.
_CANCELLATIONS: Final = (asyncio.CancelledError, GeneratorExit)
_TRIO_CANCELLED: Final = "Cancelled"  # trio's own exception; anyio servers may run on trio
_MAX_SHAPES = 256
_MAX_CONTENT_CHARACTERS = 8192


class ToolInfo:
    """What is known about a tool at decoration: its name and the names of its parameters."""

    __slots__ = (
        "_parameters",
        "_shapes",
        "internal_name",
        "metric_attributes",
        "name",
        "server_name",
    )

    def __init__(self, function: Callable[..., Any], name: str | None) -> None:
        self.name = name or name_of(function)
        declare("tool", [self.name])
        self.server_name = f"{sc.METHOD_TOOLS_CALL} {self.name}"
        self.internal_name = f"{sc.OPERATION_EXECUTE_TOOL} {self.name}"
        self._parameters = _parameter_names(function)
        self._shapes: dict[Any, str] = {}
        #: Metric attributes by (service, tier, error type): few, so they are made once each.
        self.metric_attributes: dict[tuple[str, str, str], dict[str, str]] = {}

    def shape(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """``query:str,top_k:int``: names from the signature, types of the values, no value."""
        key = (tuple(map(type, args)), tuple(kwargs), tuple(map(type, kwargs.values())))
        shape = self._shapes.get(key)
        if shape is None:
            pairs = [*zip(self._parameters, args, strict=False), *kwargs.items()]
            shape = ",".join(
                f"{name}:{_JSON_TYPES.get(type(value), 'object')}"
                for name, value in pairs
                if name in self._parameters and name not in ("self", "cls")
            )
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            self._shapes[key] = shape
        return shape


def name_of(function: object) -> str:
    """The function's name; its type's if it has none, such as a partial."""
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _parameter_names(function: Callable[..., Any]) -> list[str]:
    """Names in the order of the signature, from the code object where there is one.

    :func:`inspect.signature` evaluates annotations from Python 3.14 on, in each of its formats:
    they are the host's code, and may use names that aren't defined yet.
    """
    try:
        inner = inspect.unwrap(function, stop=lambda one: hasattr(one, "__signature__"))
        code = getattr(getattr(inner, "__func__", inner), "__code__", None)
        if hasattr(inner, "__signature__") or not isinstance(code, CodeType):
            return list(inspect.signature(inner).parameters)
    except Exception:  # noqa: BLE001 - the host's objects
        return []
    names = list(code.co_varnames)
    positional, all_named = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    varargs = names[all_named : all_named + bool(code.co_flags & inspect.CO_VARARGS)]
    varkw = names[all_named + len(varargs) :][: bool(code.co_flags & inspect.CO_VARKEYWORDS)]
    bound = inspect.ismethod(inner)
    return [*names[bound:positional], *varargs, *names[positional:all_named], *varkw]


class ToolCall:
    """The telemetry of one call; made when it starts, given its outcome once.

    Args:
        tool: the tool that is called.
        args: its positional arguments; only their types are looked at.
        kwargs: its keyword arguments; as ``args``.
    """

    __slots__ = (
        "_measured", "_native", "_request", "_span", "_start", "_start_unix_nano", "_tier",
        "_token", "_tool",
    )  # fmt: skip

    INERT: ClassVar[Any] = None
    """A call that records nothing, for when telemetry is switched off."""

    def __init__(self, tool: ToolInfo, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._tool = tool
        self._span: Span | None = None
        self._request: McpRequest | None = None
        self._token: Any = None
        self._native = False
        self._measured = True
        self._tier = "free"
        self._start_unix_nano = 0
        try:
            self._begin(args, kwargs)
        except Exception as error:  # noqa: BLE001 - the host's tool call
            guard.swallowed("instrument_tool.start", error, lost=self._span is None)
        self._start = time.perf_counter_ns()

    def returned(self, result: Any) -> None:
        """The tool has returned ``result``."""
        if self._request is not None:
            return  # the wire hook sees the outcome
        failed = False
        try:
            try:
                failed = _is_error_result(result)
                if state.capture_content and self._span is not None:
                    self._span.set_attribute(sc.GEN_AI_TOOL_CALL_RESULT, _as_text(result))
            finally:  # the span must not stay current, whatever fails
                if failed:
                    self._end("error", sc.ERROR_TYPE_TOOL_ERROR, StatusCode.ERROR)
                else:
                    self._end("success")
        except Exception as error:  # noqa: BLE001 - the host's tool call
            guard.swallowed("instrument_tool.end", error)

    def failed(self, error: BaseException) -> None:
        """The tool has raised ``error``, was cancelled, or was closed before its end."""
        if self._request is not None:
            self._request.exception = error
            return
        if isinstance(error, _CANCELLATIONS) or type(error).__name__ == _TRIO_CANCELLED:
            self._cancelled()
            return
        error_type = "_OTHER"
        try:
            try:
                summary = summarize_exception(error)
                error_type = summary.error_type
                if self._span is not None:
                    self._span.set_attribute(sc.CORTEX_EXCEPTION_TYPE, error_type)
                    self._span.set_attribute(sc.CORTEX_ERROR_LOCATION, summary.message)
                    if state.capture_content:
                        self._span.set_attribute(sc.EXCEPTION_MESSAGE, str(error))
            finally:
                result = "timeout" if isinstance(error, TimeoutError) else "error"
                self._end(result, error_type, StatusCode.ERROR)
        except Exception as fault:  # noqa: BLE001 - the host's tool call
            guard.swallowed("instrument_tool.end", fault)

    def _cancelled(self) -> None:
        try:
            self._end("cancelled", "cancelled")
        except Exception as error:  # noqa: BLE001 - the host's tool call
            guard.swallowed("instrument_tool.end", error)

    def suspend(self) -> None:
        """A generator yields: its span isn't current until it is resumed."""
        token, self._token = self._token, None
        if token is not None:
            internals.detach(token)

    def resume(self) -> None:
        """A generator is resumed."""
        if self._span is None or self._native:
            return
        try:
            self._token = context_api.attach(trace.set_span_in_context(self._span))
        except Exception as error:  # noqa: BLE001 - the host's tool call
            guard.swallowed("instrument_tool.resume", error)

    def _begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        tool, tracer = self._tool, state.tracer
        if tracer is None:
            return
        shape = tool.shape(args, kwargs)
        request = requests.current()
        if request is not None and request.claim(tool.name):
            self._request, self._span, self._native = request, request.span, True
            request.span.set_attribute(sc.CORTEX_TOOL_PARAMETERS, shape)
            return
        self._tier = tier = identity.current().tier
        current = trace.get_current_span()
        parent = current.get_span_context()
        if _is_native_call(current, tool.name):
            self._native = True
            self._span = current
            current.set_attributes(
                {
                    sc.CORTEX_EVENT_TYPE: sc.MCP_TOOL_CALL,
                    sc.CORTEX_SERVICE: state.service,
                    sc.CORTEX_USER_TIER: tier,
                    sc.CORTEX_TOOL_PARAMETERS: shape,
                }
            )
        else:
            local = parent.is_valid and not parent.is_remote
            self._measured = not (local and _is_tool_call(current))
            self._start_unix_nano = time.time_ns()
            self._span = tracer.start_span(
                tool.internal_name if local else tool.server_name,
                kind=SpanKind.INTERNAL if local else SpanKind.SERVER,
                attributes={
                    sc.MCP_METHOD_NAME: sc.METHOD_TOOLS_CALL,
                    sc.GEN_AI_TOOL_NAME: tool.name,
                    sc.GEN_AI_OPERATION_NAME: sc.OPERATION_EXECUTE_TOOL,
                    sc.CORTEX_EVENT_TYPE: sc.MCP_TOOL_CALL,
                    sc.CORTEX_SERVICE: state.service,
                    sc.CORTEX_USER_TIER: tier,
                    sc.CORTEX_TOOL_PARAMETERS: shape,
                    **(request.inherited if request is not None else {}),
                },
                start_time=self._start_unix_nano,
            )
            self._token = context_api.attach(trace.set_span_in_context(self._span))
        if state.capture_content:
            self._span.set_attribute(
                sc.GEN_AI_TOOL_CALL_ARGUMENTS, _as_text({"args": args, **kwargs})
            )

    def _end(self, result: str, error_type: str = "", status: StatusCode | None = None) -> None:
        elapsed = time.perf_counter_ns() - self._start
        span = self._span
        self.suspend()
        if span is None:
            return
        if error_type:
            span.set_attributes({sc.CORTEX_RESULT: result, sc.ERROR_TYPE: error_type})
            if status is not None and not self._native:
                span.set_status(Status(status))
        try:
            if not self._native:
                span.end(self._start_unix_nano + elapsed)
        finally:
            if self._measured and state.operation_duration is not None:
                state.operation_duration.record(elapsed / 1e9, self._metric_attributes(error_type))

    def _metric_attributes(self, error_type: str) -> dict[str, str]:
        cache = self._tool.metric_attributes
        key = (state.service, self._tier, error_type)
        attributes = cache.get(key)
        if attributes is None:
            attributes = {
                sc.MCP_METHOD_NAME: sc.METHOD_TOOLS_CALL,
                sc.GEN_AI_TOOL_NAME: self._tool.name,
                sc.GEN_AI_OPERATION_NAME: sc.OPERATION_EXECUTE_TOOL,
                sc.CORTEX_SERVICE: state.service,
                sc.CORTEX_USER_TIER: self._tier,
            }
            if error_type:
                attributes[sc.ERROR_TYPE] = few("error", error_type)
            if len(cache) >= _MAX_SHAPES:
                cache.clear()
            cache[key] = attributes
        return attributes


class _InertCall:
    """Replaces a :class:`ToolCall` where nothing is recorded."""

    def returned(self, result: Any) -> None: ...
    def failed(self, error: BaseException) -> None: ...
    def suspend(self) -> None: ...
    def resume(self) -> None: ...


ToolCall.INERT = _InertCall()


def _attribute(span: Span, key: str) -> Any:
    attributes = getattr(span, "attributes", None)
    return attributes.get(key) if attributes else None


def _is_error_result(result: object) -> bool:
    """Whether the result object of an MCP library says that the call failed.

    Reads the instance's own fields: ``getattr`` could run the host's code.
    """
    fields = getattr(result, "__dict__", None)
    return isinstance(fields, dict) and (
        fields.get("isError") is True or fields.get("is_error") is True
    )


def _is_native_call(span: Span, tool: str) -> bool:
    """Whether ``span`` is the server's own span of this call, and not claimed by a call yet."""
    return (
        span.is_recording()
        and getattr(span, "kind", None) is SpanKind.SERVER
        and _attribute(span, sc.MCP_METHOD_NAME) == sc.METHOD_TOOLS_CALL
        and _attribute(span, sc.GEN_AI_TOOL_NAME) in (tool, None)
        and _attribute(span, sc.CORTEX_EVENT_TYPE) is None
    )


def _is_tool_call(span: Span) -> bool:
    return span.is_recording() and _attribute(span, sc.CORTEX_EVENT_TYPE) == sc.MCP_TOOL_CALL


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value, default=repr, ensure_ascii=False)[:_MAX_CONTENT_CHARACTERS]
    except Exception:  # noqa: BLE001 - a value that can't be serialized
        return f"<{type(value).__name__}>"
