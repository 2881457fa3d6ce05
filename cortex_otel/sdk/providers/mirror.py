"""Spans of another make, as our store sees them: each is told again to one of the SDK's.

A provider that isn't the SDK's (ddtrace's, with ``DD_TRACE_OTEL_ENABLED``) has no processors. But
its spans are made by its tracers' ``start_span`` and changed by the methods of the API, so those
are watched, at their classes: tracers that were fetched before are covered, and so is a library
that makes another object for the same span each time it is asked for the current one.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from cortex_otel import guard
from cortex_otel.span.internals import give_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

    from cortex_otel.instrument.patches import Patches

__all__ = ["watch"]

_ARGUMENTS: Final = ("kind", "attributes", "links", "start_time")
_TOLD: Final = (
    "add_event", "add_link", "end", "record_exception", "set_attribute", "set_attributes",
    "set_status", "update_name",
)  # fmt: skip
_MAX_OPEN = 10_000
#: The spans, by their ids, inside whose methods we are.
_inside: ContextVar[frozenset[tuple[int, int]]] = ContextVar(
    "cortex_otel_inside", default=frozenset()
)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


def watch(patches: Patches, provider: Any, make: Callable[[], TracerProvider]) -> bool:
    """Record for the store whatever the tracers of ``provider`` start.

    Args:
        patches: what is replaced to that end.
        provider: of the host, not the SDK's.
        make: a provider of ours, whose processors lead to the store.

    Returns:
        Whether that is possible.
    """
    tracer = type(provider.get_tracer("cortex_otel"))
    if _is_the_apis(tracer):  # those of the API alone record nothing
        return False
    mirror = _Mirror(patches, make())
    patches.replace(type(provider), "get_tracer", mirror.get_tracer)
    return patches.replace(tracer, "start_span", mirror.start_span)


def _is_the_apis(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "opentelemetry"


class _Mirror:
    def __init__(self, patches: Patches, provider: TracerProvider) -> None:
        self._patches = patches
        self._unknown = provider.get_tracer("unknown")
        self._provider = provider
        self._tracers: WeakKeyDictionary[Any, Tracer] = WeakKeyDictionary()
        self._open: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._watched: set[type] = set()

    def get_tracer(self, original: Any) -> Any:
        """In place of the provider's: the same, and its scope is remembered."""

        def get_tracer(provider: Any, *args: Any, **kwargs: Any) -> Any:
            tracer = original(provider, *args, **kwargs)
            try:
                self._tracers[tracer] = self._provider.get_tracer(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed("providers.mirror.scope", error)
            return tracer

        return get_tracer

    def start_span(self, original: Any) -> Any:
        """In place of the tracer's: the same, and one of ours beside what it makes."""

        def start_span(tracer: Any, name: str, context: Any = None, *args: Any, **more: Any) -> Any:
            span = original(tracer, name, context, *args, **more)
            try:
                ours = self._tracers.get(tracer, self._unknown)
                given = dict(zip(_ARGUMENTS, args, strict=False)) | more
                self._started(span, ours, name, context, given)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed("providers.mirror.start", error)
            return span

        return start_span

    def _started(
        self, span: Any, tracer: Tracer, name: str, context: Any, given: dict[str, Any]
    ) -> None:
        if _is_the_apis(type(span)) or not span.is_recording():
            return
        parent = trace.get_current_span(context)
        mine: Any = tracer.start_span(
            name,
            trace.set_span_in_context(NonRecordingSpan(_context_of(parent))),
            **{key: given[key] for key in _ARGUMENTS if given.get(key) is not None},
        )
        if not mine.is_recording():
            return
        give_context(mine, _context_of(span))
        self._open[_ids_of(span)] = mine
        if len(self._open) > _MAX_OPEN:  # those that nobody ends
            self._open.popitem(last=False)
        if type(span) not in self._watched:
            self._watched.add(type(span))
            for method in _TOLD:
                self._patches.replace(type(span), method, functools.partial(self._tell, method))

    def _tell(self, method: str, original: Any) -> Any:
        def tell(span: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                ids = _ids_of(span)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed(f"providers.mirror.{method}", error)
                return original(span, *args, **kwargs)
            inside = _inside.get()
            # What the method calls in its turn is its own way of keeping what it was told.
            if ids in inside:
                return original(span, *args, **kwargs)
            token = _inside.set(inside | {ids})
            try:
                self._told(ids, method, args, kwargs)
                return original(span, *args, **kwargs)
            finally:
                _inside.reset(token)

        return tell

    def _told(self, ids: tuple[int, int], method: str, args: Any, kwargs: Any) -> None:
        try:
            mine = self._open.pop(ids, None) if method == "end" else self._open.get(ids)
            if mine is not None:
                getattr(mine, method)(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the host's call
            guard.swallowed(f"providers.mirror.{method}", error)


def _ids_of(span: Any) -> tuple[int, int]:
    """Trace and span id, without the sampling decision that ddtrace takes when asked for more."""
    datadog = getattr(span, "_ddspan", None)
    if datadog is not None:
        return datadog.trace_id, datadog.span_id
    context = span.get_span_context()
    return context.trace_id, context.span_id


def _context_of(span: Any) -> SpanContext:
    if getattr(span, "_ddspan", None) is None:
        context: SpanContext = span.get_span_context()
        return context
    return SpanContext(*_ids_of(span), is_remote=False, trace_flags=_SAMPLED)
