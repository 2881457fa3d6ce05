"""The lean span: the SDK's, with a fast path in each hot method."""

from __future__ import annotations

from time import time_ns
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Span, SynchronousMultiSpanProcessor
from opentelemetry.trace import Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, Tracer
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind
    from opentelemetry.util import types

    #: See :meth:`LeanSpan.lean_parts`.
    LeanParts = tuple[
        dict[str, Any], str, SpanKind, int, int, int, int, int, StatusCode, tuple[Any, ...],
        InstrumentationScope | None, Resource, bool,
    ]  # fmt: skip

__all__ = ["NO_STATUS", "LeanSpan", "plain_copy"]

#: Values the SDK keeps as they are. Exact types: a subclass may run the host's code.
_PLAIN: Final = frozenset({str, int, float, bool, NoneType})
_STR: Final = frozenset({str})
NO_STATUS: Final = Status(StatusCode.UNSET)


def plain_copy(attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A copy of ``attributes`` if the SDK would keep each as it is; ``None`` if it might not."""
    if attributes is None:
        return {}
    if type(attributes) is dict:
        values = attributes.copy()
    elif type(attributes) is MappingProxyType:  # as samplers pass them: usually a view of a dict
        try:
            values = attributes.copy()
        except Exception:  # noqa: BLE001 - not a dict; the SDK's code will report it
            return None
        if type(values) is not dict:
            return None
    else:
        return None
    is_plain = (
        _PLAIN.issuperset(map(type, values.values()))
        and _STR.issuperset(map(type, values))
        and "" not in values
    )
    return values if is_plain else None


class _Lazy:
    """An attribute of the SDK's span that few spans need; made at first access.

    A non-data descriptor: once the value is in the span's ``__dict__``, Python finds it there.
    """

    def __init__(self, make: Callable[[LeanSpan], Any]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, span: LeanSpan | None, owner: type) -> Any:
        if span is None:
            return self
        # setdefault is atomic: two threads at the same time both get the first one's value.
        return span.__dict__.setdefault(self._name, self._make(span))


class _LazyEvents(_Lazy):
    """The events, which :attr:`LeanSpan._own_events` then has too."""

    def __get__(self, span: LeanSpan | None, owner: type) -> Any:
        events = super().__get__(span, owner)
        if span is not None:
            span._own_events = events
        return events


class LeanSpan(Span):
    """A span that behaves as the SDK's; made by a :class:`~cortex_otel.span.LeanTracer`.

    It is *plain* while ``_lean_attributes`` is a dict: exact ``str`` keys; values of exactly
    ``str``, ``int``, ``float``, ``bool`` and ``None``; no more of them than the limit; no limit on
    length. Reading the SDK's ``_attributes`` returns a ``BoundedAttributes`` around that same dict;
    from then on ``_lean_attributes`` is ``None``, and the SDK's own code writes to it. This can't
    be undone. All writes happen under the span's lock, as in the SDK.
    """

    # Slots are the fastest to read and write; the base class has a __dict__ for everything else.
    __slots__ = (
        "_context", "_end_time", "_instrumentation_scope", "_kind", "_lean_attributes", "_lock",
        "_max_attributes", "_name", "_parent", "_record_end_metrics", "_record_exception",
        "_resource", "_set_status_on_exception", "_span_processor", "_start_time", "_status",
        "_tracer",
    )  # fmt: skip

    if TYPE_CHECKING:
        _context: SpanContext
        _lean_attributes: dict[str, Any] | None
        _max_attributes: int
        """Limit on the number of attributes."""
        _tracer: Tracer

    _bounded: Any = None
    _trace_config = None
    _events = _LazyEvents(lambda span: cast("Any", span)._new_events())
    _own_events: Any = None
    """What ``_events`` is, once there is one: asking for that would make it."""
    _links = _Lazy(lambda span: span._new_links(()))
    _limits = _Lazy(lambda span: span._tracer._span_limits)
    _sampler = _Lazy(lambda span: span._tracer.sampler)
    _instrumentation_info = _Lazy(lambda span: span._tracer.instrumentation_info)

    @property
    def _attributes(self) -> Any:
        bounded = self._bounded
        if bounded is not None:
            return bounded
        values = self._lean_attributes
        if values is None:  # another thread has replaced it meanwhile
            return self._bounded
        limits = self._limits
        bounded = BoundedAttributes(
            limits.max_span_attributes,
            immutable=False,
            max_value_len=limits.max_span_attribute_length,
        )
        bounded._dict = values
        bounded = self.__dict__.setdefault("_bounded", bounded)
        if self._end_time is not None:  # read after the line above: end() does the opposite
            bounded._immutable = True
        self._lean_attributes = None
        return bounded

    @_attributes.setter
    def _attributes(self, attributes: Any) -> None:
        self._bounded = attributes
        self._lean_attributes = None

    @property
    def attributes(self) -> types.Attributes:
        """A read-only view; live while the span hasn't ended, so other threads may write to it."""
        values = self._lean_attributes
        if values is None:
            return super().attributes
        if self._end_time is not None:
            return MappingProxyType(values)
        view = BoundedAttributes(immutable=False)  # iterates over a copy of its keys
        view._dict = values
        return MappingProxyType(view)

    @property
    def dropped_attributes(self) -> int:
        """How many attributes the limit has dropped; a plain span hasn't reached it."""
        return 0 if self._lean_attributes is not None else super().dropped_attributes

    def lean_parts(self) -> LeanParts | None:
        """Everything a processor reads of an ended span, as a tuple; ``None`` if it isn't plain.

        In order: attributes, name, kind, trace id, span id, parent's span id (or 0), start and end
        in Unix nanoseconds, status code, events, scope, resource, and ``True``: it is plain.
        """
        values, start, end = self._lean_attributes, self._start_time, self._end_time
        if values is None or start is None or end is None:
            return None
        context, parent, status, events = (
            self._context,
            self._parent,
            self._status,
            self._own_events,
        )
        return (
            values, self._name, self._kind, context[0], context[1],
            0 if parent is None else parent[1], start, end,
            StatusCode.UNSET if status is NO_STATUS else status.status_code,
            () if events is None else tuple(events), self._instrumentation_scope, self._resource,
            True,
        )  # fmt: skip

    def only_processor(self) -> Any:
        """The processor that alone gets this span; ``None`` if there are others, or none."""
        multi = self._span_processor
        if type(multi) is not SynchronousMultiSpanProcessor:
            return None
        processors = multi._span_processors
        return processors[0] if len(processors) == 1 else None

    def get_span_context(self) -> SpanContext:
        """The ids of this span."""
        return self._context

    def set_attribute(self, key: str, value: types.AnyValue) -> None:
        """Set one attribute."""
        with self._lock:
            values = self._lean_attributes
            if (
                values is not None
                and self._end_time is None
                and type(value) in _PLAIN
                and type(key) is str
                and key
                and (len(values) < self._max_attributes or key in values)
            ):
                values.pop(key, None)  # a key that is set again moves to the end
                values[key] = value
                return
        super().set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, types.AnyValue]) -> None:
        """Set several attributes."""
        plain = plain_copy(attributes) if type(attributes) is dict else None
        if plain is not None:
            with self._lock:
                values = self._lean_attributes
                if (
                    values is not None
                    and self._end_time is None
                    and len(values) + len(plain) <= self._max_attributes
                ):
                    for key in plain:
                        values.pop(key, None)  # a key that is set again moves to the end
                    values.update(plain)
                    return
        super().set_attributes(attributes)

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it to the processors."""
        with self._lock:
            is_ending = self._end_time is None and self._start_time is not None
            if is_ending:
                self._end_time = time_ns() if end_time is None else end_time
                if self._bounded is not None:
                    self._bounded._immutable = True
        if not is_ending:
            super().end(end_time)  # logs what is wrong
            return
        if self._record_end_metrics is not None:
            self._record_end_metrics()
        processor = self._span_processor
        if type(processor) is not SynchronousMultiSpanProcessor:
            processor._on_ending(self)
            processor.on_end(self._readable_span())
            return
        processors = processor._span_processors
        for one in processors:
            one._on_ending(self)
        readable: ReadableSpan | None = None
        for one in processors:
            if getattr(one, "reads_ended_span", False):
                one.on_end(self)
            else:
                if readable is None:
                    readable = self._readable_span()
                one.on_end(readable)
