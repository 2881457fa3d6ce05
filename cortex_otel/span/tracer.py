"""The tracer that starts lean spans."""

from __future__ import annotations

import random
import sys
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as trace_api
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor, Tracer
from opentelemetry.sdk.trace._tracer_metrics import NoOpTracerMetrics
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.propagation import _SPAN_KEY
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from cortex_otel.span.current import CurrentSpan
from cortex_otel.span.span import NO_STATUS, LeanSpan, plain_copy
from cortex_otel_exporters.native import Lock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.util import types

__all__ = ["LeanTracer"]

_RANDOM: Final = TraceFlags.RANDOM_TRACE_ID
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SAMPLED_RANDOM: Final = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
_new_span = object.__new__
_new_tuple = tuple.__new__


class LeanTracer(Tracer):
    """The SDK's tracer; made by :class:`~cortex_otel.span.LeanTracerProvider`."""

    @classmethod
    def from_tracer(cls, tracer: Tracer) -> LeanTracer:
        """A lean tracer with the state of ``tracer``."""
        lean = cls.__new__(cls)
        lean.__dict__.update(tracer.__dict__)
        return lean

    def start_as_current_span(  # type: ignore[override]  # the same protocol, another class
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[trace_api.Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        """A context manager, and a decorator of plain and coroutine functions: see the API."""
        return CurrentSpan(
            self,
            end_on_exit,
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
        )

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[trace_api.Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace_api.Span:
        """Start a span that isn't current: see the API. Follows the SDK's code step by step."""
        if not self._tracer_config.is_enabled:
            return super().start_span(name, context)
        current = (get_current() if context is None else context).get(_SPAN_KEY)
        parent = None if current is None else _parent_of(current)

        record_end: Callable[[], None] | None = None
        ids = self.id_generator
        if (
            self.sampler is ALWAYS_ON
            and type(ids) is RandomIdGenerator
            and type(self._tracer_metrics) is NoOpTracerMetrics
            and (type(attributes) is dict or attributes is None)
        ):
            if parent is None:
                trace_id = random.getrandbits(128) or ids.generate_trace_id()
                flags, trace_state = _SAMPLED_RANDOM, DEFAULT_TRACE_STATE
            else:
                trace_id, trace_state = parent.trace_id, parent.trace_state
                flags = _SAMPLED_RANDOM if parent.trace_flags & _RANDOM else _SAMPLED
            span_id = random.getrandbits(64) or ids.generate_span_id()
            # A SpanContext is a tuple; made without its checks, since these ids are valid.
            own = _new_tuple(SpanContext, (trace_id, span_id, False, flags, trace_state, True))
        else:
            own, attributes, is_recording, record_end = self._decide(
                parent, context, name, kind, attributes, links or ()
            )
            if not is_recording:
                return NonRecordingSpan(own)

        span = _new_span(LeanSpan)
        span._name = name
        span._context = own
        span._parent = parent
        span._kind = kind
        span._tracer = self
        span._resource = self.resource
        span._instrumentation_scope = self._instrumentation_scope
        span._span_processor = processor = self.span_processor
        span._record_exception = record_exception
        span._set_status_on_exception = set_status_on_exception
        span._record_end_metrics = record_end
        span._status = NO_STATUS
        span._end_time = None
        span._lock = Lock()

        limits = self._span_limits
        limit = limits.max_span_attributes
        span._max_attributes = limit = sys.maxsize if limit is None else limit
        values = plain_copy(attributes) if limits.max_span_attribute_length is None else None
        if values is not None and len(values) <= limit:
            span._lean_attributes = values
        else:
            span._attributes = BoundedAttributes(
                limits.max_span_attributes,
                attributes,
                immutable=False,
                max_value_len=limits.max_span_attribute_length,
            )
        if links:
            span._links = span._new_links(links)
        span._start_time = time_ns() if start_time is None else start_time

        if type(processor) is SynchronousMultiSpanProcessor:
            for one in processor._span_processors:
                one.on_start(span, parent_context=context)
        else:
            processor.on_start(span, parent_context=context)
        return span

    def _decide(
        self,
        parent: SpanContext | None,
        context: Context | None,
        name: str,
        kind: SpanKind,
        attributes: types.Attributes,
        links: Sequence[trace_api.Link],
    ) -> tuple[SpanContext, types.Attributes, bool, Callable[[], None]]:
        """Ids, attributes and sampling decision of a span, as the SDK computes them."""
        ids = self.id_generator
        trace_id = ids.generate_trace_id() if parent is None else parent.trace_id
        result = self.sampler.should_sample(context, trace_id, name, kind, attributes, links)
        decision: Any = result.decision  # its methods are untyped
        is_random = (
            ids.is_trace_id_random() if parent is None else parent.trace_flags.random_trace_id
        )
        flags = (TraceFlags.SAMPLED if decision.is_sampled() else TraceFlags.DEFAULT) | (
            TraceFlags.RANDOM_TRACE_ID if is_random else TraceFlags.DEFAULT
        )
        own = SpanContext(
            trace_id,
            ids.generate_span_id(),
            is_remote=False,
            trace_flags=TraceFlags(flags),
            trace_state=result.trace_state,
        )
        record_end = self._tracer_metrics.start_span(parent, result.decision)
        return own, result.attributes, decision.is_recording(), record_end


def _parent_of(current: object) -> SpanContext | None:
    """The context of the current span; ``None`` if it isn't a span or its ids are invalid."""
    if type(current) is LeanSpan:
        parent = current._context
    elif isinstance(current, trace_api.Span):
        parent = current.get_span_context()
        if parent is not None and not isinstance(parent, SpanContext):
            raise TypeError("parent_span_context must be a SpanContext or None.")
    else:
        return None
    return parent if parent is not None and parent.is_valid else None
