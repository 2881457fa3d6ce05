"""Fan-out of redacted copies of what the store keeps, and closing all of it by a deadline.

What our own processors keep is passed on from here: to the senders of exporters that the
environment or a setting names, and to processors and readers that a developer gave to
:func:`cortex_otel.configure`. So with sampling they get what the store gets, with its weight.

A developer's span processor still gets the live span in ``on_start``, since it may add attributes;
``on_end`` gets a copy.
"""

from __future__ import annotations

import queue
import threading
import time
from copy import copy as shallow_copy
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData
from opentelemetry.trace import SpanContext, TraceFlags

from cortex_otel import guard
from cortex_otel.sdk.extra_exporters import otlp
from cortex_otel.sdk.extra_exporters.named import Named, metric_interval_ms, named_by_environment
from cortex_otel.sdk.extra_exporters.processors import LogFlusher, Logs, SpanFlusher, Spans
from cortex_otel.sdk.extra_exporters.sender import MetricSender, Sender
from cortex_otel.span.internals import give_context, preferred_of, preferred_of_otlp, readable_span
from cortex_otel.span.metric_internals import receive_with, receiver_of
from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

    from cortex_otel.process.copies import SafeCopies
    from cortex_otel.process.data import SpanData
    from cortex_otel.sdk.extra_exporters.sender import Note
    from cortex_otel.settings import Settings
    from cortex_otel_exporters.record import Record
    from cortex_otel_exporters.sqlite.writer import Writer

__all__ = ["ExtraExporters"]

#: Share of the time left at exit that is reserved for our own store, after the senders' share.
_STORES_SHARE = 0.3


class ExtraExporters:
    """Everything that gets telemetry beside the store.

    Args:
        settings: which exporters the user allowed, and whether they get raw data.
        copies: makes the redacted copies.
        note: adds an entry to the ledger.
        span_processors: given in code.
        log_processors: given in code.
        metric_readers: given in code.
    """

    def __init__(
        self,
        settings: Settings,
        copies: SafeCopies,
        note: Note,
        *,
        span_processors: Sequence[SpanProcessor] = (),
        log_processors: Sequence[LogRecordProcessor] = (),
        metric_readers: Sequence[MetricReader] = (),
    ) -> None:
        self._copies = copies
        self._note = note
        self._raw = settings.other_exporters_get_raw_personal_data
        self._senders: list[Sender] = []
        self._span_senders: list[Sender] = []
        self._log_senders: list[Sender] = []
        #: Metric senders that start with the first record.
        self._waiting: list[MetricSender] = []
        self._span_processors: Sequence[SpanProcessor] = ()
        self._log_processors: Sequence[LogRecordProcessor] = ()
        #: To be added to the providers.
        self.span_processors: list[SpanProcessor] = []
        self.log_processors: list[LogRecordProcessor] = []
        self.metric_readers: list[MetricReader] = []
        self._names: list[str] = []
        named = named_by_environment(allowed=settings.allow_other_exporters)
        for one in named:
            self._add(one, metric_interval_ms(), raw=self._raw)
        for one in otlp.exporters(settings):
            self._add(one, settings.metrics_interval_ms, raw=False)
        self._add_from_code(span_processors, log_processors, metric_readers)
        is_raw = self._raw and bool(named or self._closer)
        if is_raw:
            guard.warn_once(
                "raw",
                "CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA IS ON: %s GET EVERYTHING AS IT "
                "IS, arguments, messages and user ids of this machine's users included.",
                ", ".join(dict.fromkeys(one.name for one in named)) or "exporters given in code",
            )
        names = ",".join(dict.fromkeys(self._names))
        #: For the heartbeat; ``cortex-otel status`` has a text for each.
        self.notes = [f"forward:{'raw' if is_raw else 'redacted'} {names}"] if names else []

    def _add_from_code(
        self,
        span_processors: Sequence[SpanProcessor],
        log_processors: Sequence[LogRecordProcessor],
        metric_readers: Sequence[MetricReader],
    ) -> None:
        """Take what a developer gave to :func:`cortex_otel.configure`."""
        is_any = bool(span_processors or log_processors or metric_readers)
        # Their shutdown may take any time, so it runs on a thread; none can be started at exit.
        self._closer = _Closer() if is_any else None
        if is_any:
            self._names.append("code")
        if self._raw:
            self.span_processors += span_processors
            self.log_processors += log_processors
            self.metric_readers += metric_readers
            return
        self._span_processors, self._log_processors = span_processors, log_processors
        self.span_processors += map(Spans, span_processors)
        self.log_processors += map(Logs, log_processors)
        for reader in metric_readers:
            try:
                self.metric_readers.append(self._redacting(reader))
            except Exception as error:  # noqa: BLE001 - it would get everything as it is
                guard.swallowed("exporter.code", error)

    def _add(self, one: Named, interval_ms: float, *, raw: bool) -> None:
        """Take an exporter that the environment or a setting names."""
        try:
            self._add_sender(one, interval_ms, raw=raw)
        except Exception as error:  # noqa: BLE001 - somebody else's package
            guard.swallowed(f"exporter.{one.name}", error)
        else:
            self._names.append(one.name)

    def _add_sender(self, one: Named, interval_ms: float, *, raw: bool) -> None:
        copies = self._copies
        sender: Sender
        # Other metric exporters may be readers, which is known only when they are made.
        waits = native.may_be_patched() and (one.is_otlp or one.signal != "metrics")
        make = one.make
        if not waits:  # made now, so that nothing has to be imported in the limited time at exit
            exporter = one.make()
            if isinstance(exporter, MetricReader):  # a pull reader, such as Prometheus'
                self.metric_readers.append(exporter if raw else self._redacting(exporter))
                return
            make = partial(_constant, exporter)
        if one.signal == "metrics":
            copy: Any = (lambda data: data) if raw else copies.metrics
            sender = MetricSender(
                make,
                name=one.name,
                note=self._note,
                copy=copy,
                interval_ms=interval_ms,
                preferred=preferred_of_otlp() if waits else preferred_of(exporter),
                starts_now=not waits,
            )
            if waits:
                self._waiting.append(sender)
            self.metric_readers.append(sender.reader)
        elif one.signal == "traces":
            copy = _raw_span if raw else copies.span
            sender = Sender(make, name=one.name, note=self._note, copy=copy)
            self._span_senders.append(sender)
            self.span_processors.append(SpanFlusher(sender))
        else:
            sender = Sender(make, name=one.name, note=self._note)
            sender.takes_raw = raw
            self._log_senders.append(sender)
            self.log_processors.append(LogFlusher(sender))
        self._senders.append(sender)

    # --- what the store keeps -------------------------------------------------------------------

    def span(self, span: ReadableSpan, data: SpanData, record: Record, weight: float) -> None:
        """Take an ended span; never raises, waits only for a developer's own processors."""
        try:
            if self._waiting:
                self._start_waiting()
            for sender in self._span_senders:
                sender.submit(span, data, record, weight)
            if self._span_processors:
                copy = _as_sampled(self._copies.span(span, data, record, weight))
                for processor in self._span_processors:
                    processor.on_end(copy)
        except Exception as error:  # noqa: BLE001 - the host's thread
            guard.swallowed("forward.span", error)

    def log(self, log_record: ReadWriteLogRecord, record: Record) -> Callable[[float], None] | None:
        """Copy a log record, which others may still change; returns what to call if it is kept."""
        if not (self._log_senders or self._log_processors):
            return None
        try:
            copy = self._copies.log(log_record, record)
            raw = _raw_log(log_record) if any(one.takes_raw for one in self._log_senders) else copy
        except Exception as error:  # noqa: BLE001 - the host's thread
            guard.swallowed("forward.log", error)
            return None

        def kept(weight: float) -> None:
            try:
                if self._waiting:
                    self._start_waiting()
                if weight != 1:
                    self._copies.weigh(copy, weight)
                for sender in self._log_senders:
                    sender.submit(raw if sender.takes_raw else copy)
                for processor in self._log_processors:
                    processor.on_emit(_writable(copy))
            except Exception as error:  # noqa: BLE001 - the host's thread
                guard.swallowed("forward.log", error)

        return kept

    def _start_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for sender in waiting:
            sender.start()

    @property
    def takers(self) -> ExtraExporters | None:
        """``self`` if anything takes spans or log records, else ``None``, which costs nothing."""
        is_any = (
            self._span_senders
            or self._log_senders
            or self._span_processors
            or self._log_processors
            or self._waiting
        )
        return self if is_any else None

    # --- closing --------------------------------------------------------------------------------

    def close(self, writer: Writer, providers: Sequence[Any], deadline: float) -> bool:
        """Close senders, store and providers, all by ``deadline`` (of :func:`time.monotonic`).

        Returns:
            ``True`` if the store has everything.
        """

        def remaining() -> float:
            return max(0.0, deadline - time.monotonic())

        if self._senders:
            for sender in self._senders:
                sender.begin_to_close()
            # Flush the store first. It closes after the senders, whose counts go into its ledger.
            writer.force_flush(remaining() * 500)
            until = deadline - remaining() * _STORES_SHARE
            for sender in self._senders:
                sender.close(until)
        stored = writer.shutdown(remaining() * 1000)
        if self._closer is None:
            _shut_down(providers)
        else:
            self._closer.close(providers, deadline)
        return stored

    # --- parts ----------------------------------------------------------------------------------

    def _redacting(self, reader: MetricReader) -> MetricReader:
        """``reader``, changed to receive copies.

        Its ``_receive_metrics`` is replaced: every reader has it, and the SDK calls it by name. A
        reader on which it can't be replaced is left out.
        """
        receive = receiver_of(reader)

        def receive_copy(metrics_data: MetricsData, *arguments: Any, **options: Any) -> None:
            try:
                copy = self._copies.metrics(metrics_data)
            except Exception as error:  # noqa: BLE001 - the reader's thread goes on
                guard.swallowed("forward.metrics", error)
                return
            receive(copy, *arguments, **options)

        receive_with(reader, receive_copy)
        return reader


class _Closer:
    """A thread that shuts providers down on request."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._requests: queue.SimpleQueue[Sequence[Any]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="cortex-otel-closer", daemon=True)
        self._thread.start()

    def close(self, providers: Sequence[Any], deadline: float) -> None:
        """Shut ``providers`` down; waits until ``deadline`` at most."""
        if not providers:
            return
        if not self._thread.is_alive():  # after a fork
            try:
                self._begin()
            except RuntimeError:  # no thread can be started at interpreter exit
                _shut_down(providers)
                return
        self._requests.put(providers)
        try:
            self._done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            guard.warn_once(
                "closer", "exporters given in code did not shut down in time; going on without them"
            )

    def _run(self) -> None:
        _shut_down(self._requests.get())
        self._done.put(None)


def _shut_down(providers: Sequence[Any]) -> None:
    for provider in providers:
        try:
            provider.shutdown()
        except Exception as error:  # noqa: BLE001 - at exit
            guard.swallowed("shutdown.provider", error)


def _constant(exporter: Any) -> Any:
    return exporter


def _raw_span(span: ReadableSpan, _data: SpanData, _record: Record, _weight: float) -> ReadableSpan:
    return readable_span(span)


def _as_sampled(copy: ReadableSpan) -> ReadableSpan:
    """``copy`` marked as sampled: exporters skip spans that the host's sampler dropped."""
    context = copy.context
    if not context.trace_flags.sampled:
        flags = TraceFlags(context.trace_flags | TraceFlags.SAMPLED)
        marked = SpanContext(
            context.trace_id, context.span_id, context.is_remote, flags, context.trace_state
        )
        give_context(copy, marked)
    return copy


def _raw_log(log: ReadWriteLogRecord) -> ReadableLogRecord:
    return ReadableLogRecord(
        log.log_record,
        log.resource,  # type: ignore[arg-type]
        log.instrumentation_scope,
        log.limits,
    )


def _writable(copy: ReadableLogRecord) -> ReadWriteLogRecord:
    """A copy of its own for one processor, which may change it."""
    log = shallow_copy(copy.log_record)
    return ReadWriteLogRecord(log, copy.resource, copy.instrumentation_scope)
