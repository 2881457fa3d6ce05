"""The SDK's spans and log records → :mod:`.data`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace

from cortex_otel.process import native_spans
from cortex_otel.process.data import LogData, SpanData
from cortex_otel.span.reading import attributes_of, plain_copy_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk._logs import ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["log_data", "span_data"]

_new_tuple = tuple.__new__


def span_data(span: ReadableSpan) -> SpanData:
    """An ended span, as the store reads it.

    Raises:
        ValueError: it hasn't ended, or has no ids.
    """
    read = getattr(span, "lean_parts", None)
    parts = read() if read is not None else None
    if parts is not None:
        data = _new_tuple(SpanData, parts)
    else:
        context, parent = span.context, span.parent
        start, end = span.start_time, span.end_time
        if start is None or end is None or context is None:
            raise ValueError("the span has not ended")
        data = SpanData(
            attributes_of(span),
            span.name,
            span.kind,
            context.trace_id,
            context.span_id,
            parent.span_id if parent is not None else 0,
            start,
            end,
            span.status.status_code,
            span.events,
            span.instrumentation_scope,
            span.resource,
            is_plain=False,
        )
    return native_spans.for_store(data) if native_spans.expected else data


def log_data(readable: ReadableLogRecord | ReadWriteLogRecord) -> LogData:
    """A log record that was just emitted, or one that a batch processor has kept."""
    log = readable.log_record
    error = getattr(log, "exception", None)
    span_attributes: Mapping[str, object] | None = None
    if log.context:
        span = trace.get_current_span(log.context)
        if span.is_recording():
            span_attributes = attributes_of(span)
    return _new_tuple(
        LogData,
        (
            plain_copy_of(log.attributes), log.event_name, log.body, log.timestamp or 0,
            log.observed_timestamp or 0, log.severity_number, log.trace_id or 0, log.span_id or 0,
            readable.instrumentation_scope, readable.resource,
            error if isinstance(error, BaseException) else None, span_attributes, "", 0,
        ),
    )  # fmt: skip
