"""The SDK's processors: each ended span and emitted log record becomes a safe row, at once.

They run on the thread that ended the span, so what reaches the queue is already safe and small;
redaction costs a few microseconds there, and the writer's thread holds the GIL the shorter.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

from cortex_otel import guard
from cortex_otel.process.from_sdk import log_data, span_data
from cortex_otel.span.internals import is_suppressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from cortex_otel.process.convert import Converter
    from cortex_otel.process.data import SpanData
    from cortex_otel.process.sample import TraceSampler
    from cortex_otel_exporters.record import Record, Sink

__all__ = ["Beside", "EventLogProcessor", "EventSpanProcessor"]


class Beside(Protocol):
    """Who else gets what is kept; never raises, never waits."""

    def span(self, span: ReadableSpan, data: SpanData, record: Record, weight: float) -> None:
        """Take an ended span, as the store read it, its row, and for how many it stands."""
        ...

    def log(self, log_record: ReadWriteLogRecord, record: Record) -> Callable[[float], None] | None:
        """Copy a log record at once, since it may still change; what to call if it is kept."""
        ...


class EventSpanProcessor(SpanProcessor):
    """Ended spans → records → ``sink``; never raises, never waits."""

    #: A lean span may hand over itself in place of a read-only copy: it is only read.
    reads_ended_span = True
    beside: Beside | None = None

    def __init__(self, converter: Converter, sampler: TraceSampler, sink: Sink) -> None:
        self._converter = converter
        self._sampler = sampler
        self._sink = sink

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note the roots of traces, where sampling has to wait for their end."""
        del parent_context
        if self._sampler.active and (span.parent is None or span.parent.is_remote):
            context = span.get_span_context()
            if context is not None:
                self._sampler.root_started(context.trace_id)

    def on_end(self, span: ReadableSpan) -> None:
        """Store ``span``."""
        try:
            data = span_data(span)
            record = self._converter.span(data)
            beside = self.beside
            if self._sampler.active:
                parent = span.parent
                self._sampler.submit(
                    record,
                    is_root=parent is None or parent.is_remote,
                    kept=partial(beside.span, span, data, record) if beside is not None else None,
                )
            else:
                self._sink.submit(record)
                if beside is not None:
                    beside.span(span, data, record, 1.0)
        except Exception as error:  # noqa: BLE001 - the host's thread
            self._sink.count_dropped("invalid")
            guard.swallowed("process.span", error)

    def shutdown(self) -> None:
        """Pass on what sampling holds; the sink is shut down by whoever made it."""
        self._sampler.flush()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """``True`` only if every span that ended before is on disk (or sampled out)."""
        return self._sink.force_flush(timeout_millis)


class EventLogProcessor(LogRecordProcessor):
    """Log records → records → ``sink``; never raises, never waits."""

    beside: Beside | None = None

    def __init__(self, converter: Converter, sampler: TraceSampler, sink: Sink) -> None:
        self._converter = converter
        self._sampler = sampler
        self._sink = sink

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Store ``log_record``, unless an exporter tells of itself: that would never end."""
        try:
            if is_suppressed():
                return
            record = self._converter.log(log_data(log_record))
            kept = self.beside.log(log_record, record) if self.beside is not None else None
            if self._sampler.active:
                self._sampler.submit(record, kept=kept)
            else:
                self._sink.submit(record)
                if kept is not None:
                    kept(1.0)
        except Exception as error:  # noqa: BLE001 - the host's thread
            self._sink.count_dropped("invalid")
            guard.swallowed("process.log", error)

    def shutdown(self) -> None:
        """Nothing: the sink is shut down by whoever made it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """``True`` only if every record emitted before is on disk (or sampled out)."""
        return self._sink.force_flush(timeout_millis)
