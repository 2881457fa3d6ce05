"""Processors on the providers for exporters that the fan-out feeds: start, flush, shutdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import SpanProcessor

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

    from cortex_otel.sdk.extra_exporters.sender import Sender

__all__ = ["LogFlusher", "Logs", "SpanFlusher", "Spans"]


class Spans(SpanProcessor):
    """Wraps a developer's processor, whose ``on_end`` is called by :meth:`.ExtraExporters.span`."""

    reads_ended_span = True

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Pass the live span on: the developer's processor may add attributes."""
        self._inner.on_start(span, parent_context)

    def _on_ending(self, span: Span) -> None:
        self._inner._on_ending(span)  # noqa: SLF001 - the SDK's own name for it

    def shutdown(self) -> None:
        """Shut the developer's processor down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the developer's processor."""
        return self._inner.force_flush(timeout_millis)


class Logs(LogRecordProcessor):
    """Wraps a developer's processor, whose records come from :meth:`.ExtraExporters.log`."""

    def __init__(self, inner: LogRecordProcessor) -> None:
        self._inner = inner

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Do nothing: :meth:`.ExtraExporters.log` passes the record on."""

    def shutdown(self) -> None:
        """Shut the developer's processor down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the developer's processor."""
        return self._inner.force_flush(timeout_millis)


class SpanFlusher(SpanProcessor):
    """Lets a provider flush a sender."""

    reads_ended_span = True

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued, within ``timeout_millis``."""
        return self._sender.force_flush(timeout_millis)


class LogFlusher(LogRecordProcessor):
    """The same for log records."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Do nothing: :meth:`.ExtraExporters.log` passes the record on."""

    def shutdown(self) -> None:
        """Do nothing: the pipeline closes the sender."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued, within ``timeout_millis``."""
        return self._sender.force_flush(timeout_millis)
