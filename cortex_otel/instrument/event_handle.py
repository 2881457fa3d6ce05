"""What a typed event that takes time hands back, and the two ways an event is recorded.

Entered with ``with``, a handle is a span; let go without, it is an event at the instant of its
call. What has been recorded already hands back :data:`RECORDED`, which does nothing.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from opentelemetry import _logs, trace
from opentelemetry import context as context_api
from opentelemetry._logs import SeverityNumber
from opentelemetry.trace import SpanKind, Status, StatusCode

from cortex_otel import guard
from cortex_otel.instrument import request as requests
from cortex_otel.instrument.state import state
from cortex_otel.instrument.validate import failure, reject, reject_positional
from cortex_otel.semconv import (
    CORTEX_ERROR_CRASH,
    CORTEX_EVENT_TYPE,
    CORTEX_RESULT,
    FAILED_RESULTS,
    GEN_AI_TOOL_NAME,
)
from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from types import TracebackType
    from typing import Never, Self

    from opentelemetry.context import Context

    from cortex_otel.instrument.event_type import EventType
    from cortex_otel.instrument.validate import Attributes

__all__ = ["RECORDED", "EventHandle", "PendingEvent", "emit", "flush_deferred", "instant", "timed"]

_SCOPE: Final = "cortex_otel"
_PENDING, _OPEN, _DONE = range(3)


class EventHandle:
    """A typed event, to be completed; usable with ``with`` and ``async with``.

    This class itself is the event that needs nothing more: already recorded, or telemetry is off.
    """

    __slots__ = ()

    def set(self, /, *unnamed: Never, **fields: object) -> None:
        """Add or change fields of the event, by the argument names of its function.

        Args:
            unnamed: none; what is given without a name is left out and counted.
            fields: values that make no sense are left out and counted; ``None`` is ignored.
                ``duration_ms`` is refused inside the block: the block is what is timed. Once
                the event is recorded, nothing changes it.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


RECORDED: Final = EventHandle()


class PendingEvent(EventHandle):
    """An event that is not recorded yet.

    Args:
        event_type: its declaration.
        attributes: what its arguments became; owned by the handle from here on.
    """

    __slots__ = ("_attributes", "_context", "_event_type", "_phase", "_span", "_time_ns", "_token")

    def __init__(self, event_type: EventType, attributes: Attributes) -> None:
        self._phase = _PENDING
        self._event_type = event_type
        self._attributes = attributes
        self._time_ns = time.time_ns()
        self._context = context_api.get_current()
        self._span: trace.Span = trace.INVALID_SPAN
        self._token: Token[Context] | None = None
        _watch_collections()

    def set(self, /, *unnamed: Never, **fields: object) -> None:  # noqa: D102 - the base class says it
        if self._phase == _DONE:
            return
        try:
            if unnamed:
                reject_positional(self._event_type.name, len(unnamed))
            if self._phase == _OPEN and fields.pop("duration_ms", None) is not None:
                reject(self._event_type.name, "duration_ms")
            self._event_type.read(fields, self._attributes)
        except Exception as error:  # noqa: BLE001 - never into the host
            guard.swallowed("events.set", error)

    def __enter__(self) -> Self:
        if self._phase == _PENDING:
            try:
                self._start()
            except Exception as error:  # noqa: BLE001 - never into the host
                guard.swallowed("events.enter", error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._phase != _OPEN:
            return
        self._phase = _DONE
        try:
            if self._token is not None:
                context_api.detach(self._token)
            self._end(error)
        except Exception as fault:  # noqa: BLE001 - never into the host
            guard.swallowed("events.exit", fault)

    def __del__(self) -> None:
        try:
            if self._phase != _PENDING:
                return
            self._phase = _DONE
            released = (self._event_type, self._attributes, self._time_ns, self._context)
            if _collecting == native.get_ident():
                _deferred.append(released)
            elif state.active:
                emit(*released)
        except Exception as error:  # noqa: BLE001 - never into the host
            guard.swallowed("events.release", error)

    def _start(self) -> None:
        tracer = state.tracer or trace.get_tracer(_SCOPE, _version())
        event_type = self._event_type
        # The sampler decides by what is known at the start. A copy, since what is completed
        # now (the result) must not look like what the caller has set.
        attributes = event_type.complete({**self._attributes, CORTEX_EVENT_TYPE: event_type.name})
        around = getattr(trace.get_current_span(), "attributes", None) or {}
        if GEN_AI_TOOL_NAME in around:  # an event belongs to the tool it happens in
            attributes.setdefault(GEN_AI_TOOL_NAME, around[GEN_AI_TOOL_NAME])
        _inherit(attributes)
        span = tracer.start_span(event_type.name, kind=SpanKind.INTERNAL, attributes=attributes)
        self._span = span
        self._token = context_api.attach(trace.set_span_in_context(span))
        self._phase = _OPEN

    def _end(self, error: BaseException | None) -> None:
        try:
            if error is not None:
                self._attributes.update(failure("", error))
            attributes = self._event_type.complete(self._attributes)
            self._span.set_attributes(attributes)
            if attributes[CORTEX_RESULT] in FAILED_RESULTS:
                # No description: the text of an exception may hold the host's data.
                self._span.set_status(Status(StatusCode.ERROR))
        finally:
            self._span.end()


def instant(event_type: EventType, arguments: Mapping[str, object]) -> None:
    """Record an event that happened now.

    Args:
        event_type: its declaration.
        arguments: of its function, by name; what makes no sense is counted and left out.
    """
    flush_deferred()
    attributes: Attributes = {}
    event_type.read(arguments, attributes)
    emit(event_type, attributes)


def timed(event_type: EventType, arguments: Mapping[str, object]) -> EventHandle:
    """Begin an event that takes time; recorded at once if its ``duration_ms`` is given.

    Args:
        event_type: its declaration.
        arguments: of its function, by name; what makes no sense is counted and left out.
    """
    flush_deferred()
    attributes: Attributes = {}
    event_type.read(arguments, attributes)
    if arguments["duration_ms"] is None:
        return PendingEvent(event_type, attributes)
    emit(event_type, attributes)
    return RECORDED


_Released: TypeAlias = "tuple[EventType, Attributes, int, Context]"


def emit(
    event_type: EventType,
    attributes: Attributes,
    time_ns: int | None = None,
    context: Context | None = None,
) -> None:
    """Record a log-based event.

    Args:
        event_type: its declaration.
        attributes: what its arguments became; completed in place.
        time_ns: when it happened, Unix nanoseconds; now by default.
        context: where it happened; the current context by default.
    """
    if context is not None and not context:
        # The SDK takes an empty context for none and would use the current one instead.
        context = trace.set_span_in_context(trace.INVALID_SPAN, context)
    logger = state.logger or _logs.get_logger(_SCOPE, _version())
    event_type.complete(attributes)
    _inherit(attributes)
    logger.emit(
        event_name=event_type.name,
        timestamp=time_ns or time.time_ns(),
        context=context,
        severity_number=_severity(attributes),
        attributes=attributes,
    )


def _inherit(attributes: Attributes) -> None:
    """An event in an MCP request is its user's, and of its session."""
    request = requests.current()
    if request is not None:
        for key, value in request.inherited.items():
            attributes.setdefault(key, value)


def _version() -> str:
    # An import of the package by its module would be a cycle: its face imports all of this.
    return str(getattr(sys.modules.get(_SCOPE), "__version__", ""))


def _severity(attributes: Attributes) -> SeverityNumber:
    if attributes.get(CORTEX_ERROR_CRASH):
        return SeverityNumber.FATAL
    if attributes.get(CORTEX_RESULT) in FAILED_RESULTS:
        return SeverityNumber.ERROR
    return SeverityNumber.INFO


# The garbage collector may free a handle that hangs in a reference cycle (a traceback's frame,
# say) at any allocation, even while this thread holds a lock of the pipeline: emitting there
# could wait for that lock for ever. Such events are put aside and recorded with the next one.
_collecting: int | None = None
_deferred: deque[_Released] = deque()


def flush_deferred() -> None:
    """Record the events whose handles were freed by the garbage collector; never raises."""
    while _deferred:
        try:
            emit(*_deferred.popleft())
        except IndexError:
            return
        except Exception as error:  # noqa: BLE001 - never into the host
            guard.swallowed("events.deferred", error)


def _watch_collections() -> None:
    if _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


def _on_collection(phase: str, _info: dict[str, int]) -> None:
    global _collecting  # noqa: PLW0603 - the collector is one of the process as well
    _collecting = native.get_ident() if phase == "start" else None
