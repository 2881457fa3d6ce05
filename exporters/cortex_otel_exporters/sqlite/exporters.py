"""The OpenTelemetry SDK's exporter interfaces over a :class:`~cortex_otel_exporters.record.Sink`.

For pipelines that something else configures (``OTEL_TRACES_EXPORTER=cortex_sqlite`` with another
distro, or ``BatchSpanProcessor(…)`` in code). The caller has to pass the conversion of a span to a
safe record, so that no exporter can be made without redaction.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
)
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from cortex_otel_exporters.record import MetricPoint, Record, Sink

__all__ = [
    "SqliteLogRecordExporter",
    "SqliteMetricExporter",
    "SqliteMetricReader",
    "SqliteSpanExporter",
]

#: Deltas, so that points of several processes and restarts add up.
DELTAS: dict[type, AggregationTemporality] = {
    Counter: AggregationTemporality.DELTA,
    ObservableCounter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
}


_readers: weakref.WeakSet[SqliteMetricReader] = weakref.WeakSet()


class SqliteSpanExporter(SpanExporter):
    """Spans into ``sink``.

    Args:
        sink: where records go; stores and counts them.
        convert: returns a span's safe record, or ``None`` if it isn't kept; may raise.
    """

    def __init__(self, sink: Sink, convert: Callable[[ReadableSpan], Record | None]) -> None:
        self._sink = sink
        self._convert = convert

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """FAILURE if any span was dropped; each is counted with its reason."""
        taken = _submit_all(self._sink, self._convert, spans)
        return SpanExportResult.SUCCESS if taken else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """``True`` only if everything exported before is on disk."""
        return self._sink.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Do nothing: the sink is shared with other exporters and outlives this one."""


class SqliteLogRecordExporter(LogRecordExporter):
    """Log records and log-based events into ``sink``; arguments as for spans."""

    def __init__(self, sink: Sink, convert: Callable[[ReadableLogRecord], Record | None]) -> None:
        self._sink = sink
        self._convert = convert

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """FAILURE if any record was dropped; each is counted with its reason."""
        taken = _submit_all(self._sink, self._convert, batch)
        return LogRecordExportResult.SUCCESS if taken else LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """``True`` only if everything exported before is on disk."""
        return self._sink.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Do nothing: the sink is shared with other exporters and outlives this one."""


def _submit_all(sink: Sink, convert: Callable[[Any], Record | None], items: Sequence[Any]) -> bool:
    all_taken = True
    for item in items:
        try:
            record = convert(item)
        except Exception:  # noqa: BLE001 - one bad record never loses its batch
            sink.count_dropped("invalid")
            all_taken = False
            continue
        if record is not None and not sink.submit(record):
            all_taken = False
    return all_taken


class SqliteMetricExporter(MetricExporter):
    """Metric points into ``sink``, for a periodic reader that something else configures."""

    def __init__(self, sink: Sink, convert: Callable[[MetricsData], list[MetricPoint]]) -> None:
        super().__init__(preferred_temporality=DELTAS)
        self._sink = sink
        self._convert = convert

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any
    ) -> MetricExportResult:
        """FAILURE if a point was dropped; each is counted with its reason."""
        del timeout_millis  # queueing points takes no time
        try:
            taken = self._sink.submit_metrics(self._convert(metrics_data))
        except Exception:  # noqa: BLE001 - the reader's thread must go on
            self._sink.count_dropped("invalid", signal="metric")
            taken = False
        return MetricExportResult.SUCCESS if taken else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """``True`` only if everything exported before is on disk."""
        return self._sink.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing: the sink is shared with other exporters and outlives this one."""


class SqliteMetricReader(MetricReader):
    """Collects when the writer thread asks: has no thread and no timer of its own.

    Args:
        convert: safe rows of what was collected.
        forget: makes the reader forget, in a forked child, what was counted for it before: the
            parent stores that. The SDK has no public way.
    """

    def __init__(
        self,
        convert: Callable[[MetricsData], list[MetricPoint]],
        forget: Callable[[MetricReader], None],
    ) -> None:
        super().__init__(preferred_temporality=DELTAS)
        self._convert = convert
        self._forget = forget
        # No lock: a greenlet that waits in a callback would block all others.
        self._points: deque[MetricPoint] = deque()
        _readers.add(self)

    def points(self) -> list[MetricPoint]:
        """What the instruments recorded since the last call."""
        self.collect()
        points = []
        with contextlib.suppress(IndexError):
            while True:
                points.append(self._points.popleft())
        return points

    def reset_in_child(self) -> None:
        """In a forked child: discard what was recorded before, which the parent stores."""
        self._points.clear()
        self._forget(self)

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any
    ) -> None:
        del timeout_millis
        self._points.extend(self._convert(metrics_data))

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Do nothing: the writer collects a last time when it stops."""


def _after_fork_in_child() -> None:
    for reader in list(_readers):
        reader.reset_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
