"""Spans of other implementations, for our store: each is mirrored by a span of the SDK.

A provider that isn't the SDK's (ddtrace's, with ``DD_TRACE_OTEL_ENABLED``) has no processors. But
its spans are started by its tracers' ``start_span`` and changed by the API's methods, so those are
patched, in their classes: that covers tracers obtained before, and libraries that return another
object for the same span each time they are asked for the current one.
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
_MIRRORED_METHODS: Final = (
    "add_event", "add_link", "end", "record_exception", "set_attribute", "set_attributes",
    "set_status", "update_name",
)  # fmt: skip
_MAX_OPEN = 10_000
#: Ids of the spans whose methods are being called here.
_inside: ContextVar[frozenset[tuple[int, int]]] = ContextVar(
    "cortex_otel_inside", default=frozenset()
)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


def watch(patches: Patches, provider: Any, make: Callable[[], TracerProvider]) -> bool:
    """Record for the store every span that the tracers of ``provider`` start.

    Args:
        patches: where the replaced methods are kept.
        provider: of the host, not the SDK's.
        make: makes a provider of ours, whose processors lead to the store.

    Returns:
        Whether that is possible.
    """
    tracer = type(provider.get_tracer("cortex_otel"))
    if _is_from_api(tracer):  # the API's own tracers record nothing
        return False
    mirror = _Mirror(patches, make())
    patches.replace(type(provider), "get_tracer", mirror.get_tracer)
    return patches.replace(tracer, "start_span", mirror.start_span)


def _is_from_api(kind: type) -> bool:
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
        """Wrap the provider's ``get_tracer``: also remember the scope."""

        def get_tracer(provider: Any, *args: Any, **kwargs: Any) -> Any:
            tracer = original(provider, *args, **kwargs)
            try:
                self._tracers[tracer] = self._provider.get_tracer(*args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed("providers.mirror.scope", error)
            return tracer

        return get_tracer

    def start_span(self, original: Any) -> Any:
        """Wrap the tracer's ``start_span``: also start a span of ours beside it."""

        def start_span(tracer: Any, name: str, context: Any = None, *args: Any, **kw: Any) -> Any:
            span = original(tracer, name, context, *args, **kw)
            try:
                ours = self._tracers.get(tracer, self._unknown)
                given = dict(zip(_ARGUMENTS, args, strict=False)) | kw
                self._mirror_start(span, ours, name, context, given)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed("providers.mirror.start", error)
            return span

        return start_span

    def _mirror_start(
        self, span: Any, tracer: Tracer, name: str, context: Any, given: dict[str, Any]
    ) -> None:
        if _is_from_api(type(span)) or not span.is_recording():
            return
        parent = trace.get_current_span(context)
        copy: Any = tracer.start_span(
            name,
            trace.set_span_in_context(NonRecordingSpan(_context_of(parent))),
            **{key: given[key] for key in _ARGUMENTS if given.get(key) is not None},
        )
        if not copy.is_recording():
            return
        give_context(copy, _context_of(span))
        self._open[_ids_of(span)] = copy
        if len(self._open) > _MAX_OPEN:  # spans that are never ended
            self._open.popitem(last=False)
        if type(span) not in self._watched:
            self._watched.add(type(span))
            for method in _MIRRORED_METHODS:
                self._patches.replace(type(span), method, functools.partial(self._mirrored, method))

    def _mirrored(self, method: str, original: Any) -> Any:
        def mirrored(span: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                ids = _ids_of(span)
            except Exception as error:  # noqa: BLE001 - the host's call
                guard.swallowed(f"providers.mirror.{method}", error)
                return original(span, *args, **kwargs)
            inside = _inside.get()
            # A method of the same span called from inside one is its implementation detail.
            if ids in inside:
                return original(span, *args, **kwargs)
            token = _inside.set(inside | {ids})
            try:
                self._apply(ids, method, args, kwargs)
                return original(span, *args, **kwargs)
            finally:
                _inside.reset(token)

        return mirrored

    def _apply(self, ids: tuple[int, int], method: str, args: Any, kwargs: Any) -> None:
        try:
            copy = self._open.pop(ids, None) if method == "end" else self._open.get(ids)
            if copy is not None:
                getattr(copy, method)(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the host's call
            guard.swallowed(f"providers.mirror.{method}", error)


def _ids_of(span: Any) -> tuple[int, int]:
    """Trace and span id, without making ddtrace decide on sampling, as its span context does."""
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
