"""What stands on a provider for somebody who is served from elsewhere: starts, flushes, the end."""

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
    """A developer's processor; its ends come from :meth:`.ExtraExporters.span`."""

    reads_ended_span = True

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Tell the developer's, which may add attributes."""
        self._inner.on_start(span, parent_context)

    def _on_ending(self, span: Span) -> None:
        self._inner._on_ending(span)  # noqa: SLF001 - the SDK's own name for it

    def shutdown(self) -> None:
        """End the developer's."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the developer's, so long at most."""
        return self._inner.force_flush(timeout_millis)


class Logs(LogRecordProcessor):
    """A developer's processor; its records come from :meth:`.ExtraExporters.log`."""

    def __init__(self, inner: LogRecordProcessor) -> None:
        self._inner = inner

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Nothing: it comes from :meth:`.ExtraExporters.log`."""

    def shutdown(self) -> None:
        """End the developer's."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the developer's, so long at most."""
        return self._inner.force_flush(timeout_millis)


class SpanFlusher(SpanProcessor):
    """Lets a provider flush a sender."""

    reads_ended_span = True

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued, so long at most."""
        return self._sender.force_flush(timeout_millis)


class LogFlusher(LogRecordProcessor):
    """The same for log records."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Nothing: it comes from :meth:`.ExtraExporters.log`."""

    def shutdown(self) -> None:
        """Nothing: the pipeline closes it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued, so long at most."""
        return self._sender.force_flush(timeout_millis)
