"""Spans of MCP libraries, where ours already covers the request.

One recording SERVER span per request: while ours is the current one, a library that starts its own
gets ours instead, and what it writes to it is kept for exporters other than the store. Everywhere
else (under a span of the user's, in a mounted server, in a call that a tool makes) the library's
span is the user's, and is made as without us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, NoOpTracer, SpanKind, Status, StatusCode, Tracer

from cortex_otel import guard
from cortex_otel import semconv as sc
from cortex_otel.instrument import request as requests
from cortex_otel.process import native_spans
from cortex_otel.process.native_spans import UNREAD, NativePart, NestedCall
from cortex_otel.process.processor import EventSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from opentelemetry.trace import Span, SpanContext

    from cortex_otel.instrument.request import McpRequest

__all__ = ["NativeTracer", "current_span", "is_unread", "server_span"]


class NativeTracer(Tracer):
    """Wraps the tracer of an MCP library."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Span:
        """Start a span of the library."""
        return self._tracer.start_span(*args, **kwargs)

    def start_as_current_span(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Start a span of the library, or return that of the request being served."""
        start = self._tracer.start_as_current_span
        if kwargs.get("kind") is not SpanKind.SERVER or isinstance(self._tracer, NoOpTracer):
            return start(name, *args, **kwargs)
        return server_span(start, name, *args, **kwargs)


def current_span(*args: Any) -> Span:
    """The current span as the library knows it, which may compare it with the one it was given.

    fastmcp 4 starts its span of a request in one place and writes to it in another.
    """
    current = trace.get_current_span(*args)
    request = requests.current()
    if request is None or request.native in (None, UNREAD) or current is not request.span:
        return current
    face: Span = request.native.face
    return face


def is_unread(method: str) -> bool:
    """Whether ours takes the place of a library's span here, and nobody reads it but the store.

    Then there is nobody to carry the library's part to, and its code needn't run: half of what the
    usual call costs. The store's row never has anything of that part.

    Args:
        method: of the span that would be started here.
    """
    request = requests.current()
    if request is None or request.native is not None or method != request.method:
        return False
    try:
        only = getattr(request.span, "only_processor", None)
        reader = None if only is None else only()
        if type(reader) is not EventSpanProcessor or reader.beside is not None:
            return False
        if trace.get_current_span() is not request.span:
            return False
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.native", error)
        return False
    request.native = UNREAD
    return True


class server_span:  # noqa: N801 - used like the function that it replaces
    """Context manager of a library's span of a request, or of ours in its place.

    A class, since it is used at each call: one made from a generator is slower.

    Args:
        make: makes the library's span from the other arguments; not called if ours is used.
        name: the library's name for it.
        args: further positional arguments.
        options: keyword arguments of ``start_as_current_span``.
    """

    __slots__ = ("_args", "_make", "_name", "_native", "_options", "_ours")

    def __init__(self, make: Callable[..., Any], name: str, /, *args: Any, **options: Any) -> None:
        self._make = make
        self._name = name
        self._args = args
        self._options = options
        self._native: Any = None
        self._ours: _NativeSpan | None = None

    def __enter__(self) -> Span:
        request = requests.current()
        if request is None:
            if requests.is_internal_query.get():  # a request to itself, which gets no span
                return INVALID_SPAN
            return self._enter_native()
        name, attributes = self._name, self._options.get("attributes")
        try:
            is_ours = _is_of(request, name, attributes)
        except Exception as error:  # noqa: BLE001 - the host's request
            guard.swallowed("mcp_server.native", error)
            is_ours = False
        if not is_ours:
            span = self._enter_native()
            _expect_nested(request, span)
            return span
        request.native = part = NativePart()
        part.face = self._ours = ours = _NativeSpan(request.span, part)
        if attributes and request.has_same(name, attributes):  # the usual case with mcp 2
            part.name = name
            part.given.update(attributes)
        else:
            ours.update_name(name)
            ours.set_attributes(attributes or {})
        return ours

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if self._native is not None:
            is_swallowed: bool | None = self._native.__exit__(kind, error, traceback)
            return is_swallowed
        if self._ours is not None and isinstance(error, Exception):
            if self._options.get("record_exception", True):
                self._ours.record_exception(error)
            if self._options.get("set_status_on_exception", True):
                description = f"{type(error).__name__}: {error}"
                self._ours.set_status(Status(StatusCode.ERROR, description))
        return None

    def _enter_native(self) -> Span:
        self._native = self._make(self._name, *self._args, **self._options)
        span: Span = self._native.__enter__()
        return span


def _is_of(request: McpRequest, name: str, attributes: Any) -> bool:
    """Whether a span that is started here as ``name`` is that of ``request``."""
    current = trace.get_current_span()
    if current is not request.span and (
        current.get_span_context() != request.span.get_span_context()
    ):
        return False
    # fastmcp 3 sets attributes later; its names begin with the method, as in all stacks.
    method = (attributes or {}).get(sc.MCP_METHOD_NAME) or name.partition(" ")[0]
    if method != request.method:  # mcp 1 lists a server's tools to check a call
        return False
    return request.native is None


def _expect_nested(request: McpRequest, span: Any) -> None:
    def is_known(tool: str) -> bool:
        return request.known.has(sc.METHOD_TOOLS_CALL, tool)

    try:
        if span.is_recording():
            native_spans.expect(span.get_span_context().span_id, NestedCall(is_known))
    except Exception as error:  # noqa: BLE001 - the host's request
        guard.swallowed("mcp_server.native", error)


class _NativeSpan(trace.Span):
    """The span of a request, as a library writes to it; ends with the request."""

    def __init__(self, span: Span, part: NativePart) -> None:
        self._span = span
        self._part = part

    def get_span_context(self) -> SpanContext:
        return self._span.get_span_context()

    def is_recording(self) -> bool:
        return self._span.is_recording()

    def end(self, end_time: int | None = None) -> None:
        del end_time

    def set_attribute(self, key: str, value: Any) -> None:
        self._part.given[key] = value
        self._span.set_attribute(key, value)

    def set_attributes(self, attributes: Any) -> None:
        self._part.given.update(attributes)
        self._span.set_attributes(attributes)

    def add_event(self, *args: Any, **kwargs: Any) -> None:
        self._part.has_events = True
        self._span.add_event(*args, **kwargs)

    def add_link(self, *args: Any, **kwargs: Any) -> None:
        self._span.add_link(*args, **kwargs)

    def record_exception(self, *args: Any, **kwargs: Any) -> None:
        self._part.has_events = True
        self._span.record_exception(*args, **kwargs)

    def set_status(self, status: Any, description: str | None = None) -> None:
        self._part.has_status = True
        if isinstance(status, Status):
            self._span.set_status(status)
        else:
            self._span.set_status(status, description)

    def update_name(self, name: str) -> None:
        self._part.name = name
        self._span.update_name(name)
