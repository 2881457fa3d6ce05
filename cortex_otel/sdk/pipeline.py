"""The pipeline from spans, logs and metrics to rows.

A :class:`Pipeline` writes to any sink, such as a test's memory. A :class:`StorePipeline` is that of
a process: it reads from OpenTelemetry's providers, our own or the host's, and writes to the store.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter
from opentelemetry.sdk.trace import TracerProvider

from cortex_otel import guard, identity
from cortex_otel.instrument.durations import OwnMeterProvider
from cortex_otel.instrument.event_handle import flush_deferred
from cortex_otel.instrument.state import state
from cortex_otel.process.budget import is_declared
from cortex_otel.process.convert import Converter
from cortex_otel.process.copies import SafeCopies
from cortex_otel.process.names import Names
from cortex_otel.process.processor import EventLogProcessor, EventSpanProcessor
from cortex_otel.process.redact import Redactor
from cortex_otel.process.sample import TraceSampler
from cortex_otel.sdk.providers import LogJoint, MetricJoint, TraceJoint
from cortex_otel.sdk.resource import cortex_resource, cortex_sampler, sampling_of_environment
from cortex_otel.settings.log_file import log_file
from cortex_otel.span import versions as span_versions
from cortex_otel.span.metric_internals import forget_counted
from cortex_otel_exporters.sqlite.exporters import SqliteMetricReader
from cortex_otel_exporters.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry._logs import Logger
    from opentelemetry.metrics import Histogram
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

    from cortex_otel.identity import IdentityResolver
    from cortex_otel.instrument.durations import Durations
    from cortex_otel.sdk.extra_exporters.fanout import ExtraExporters
    from cortex_otel.sdk.providers import Joint
    from cortex_otel.settings import Settings
    from cortex_otel_exporters.record import Session, Sink

__all__ = ["SCOPE", "Pipeline", "StorePipeline"]

#: Instrumentation scope of our own spans, logs and metrics.
SCOPE = "cortex_otel"


class Pipeline:
    """Redaction, names and sampling of what ends in this process, into a sink.

    Args:
        settings: the user's settings.
        resolver: resolves the identity of records.
        sink: takes the rows.
        sampling: share kept by event type.
        session: the session of records without their own; this process's by default.
    """

    def __init__(
        self,
        settings: Settings,
        resolver: IdentityResolver,
        sink: Sink,
        *,
        sampling: Mapping[str, float],
        session: Callable[[], Session] | None = None,
    ) -> None:
        self.settings = settings
        self.sink = sink
        redact = partial(
            Redactor,
            hash_text=resolver.hash_text,
            hash_user=resolver.hash_user,
            allow=settings.allow_attributes,
            is_own_prompt=partial(is_declared, "prompt"),
        )
        redactor = redact(capture_content=settings.capture_content)
        self.attributes_removed = 0
        self.names_overflowed = 0
        self.converter = Converter(
            redactor,
            resolver,
            settings.service,
            self._count_removed,
            session=session,
            names=Names(redactor.name, self._count_overflowed),
        )
        self.sampler = TraceSampler(sampling, sink)
        self.span_processor = EventSpanProcessor(self.converter, self.sampler, sink)
        self.log_processor = EventLogProcessor(self.converter, self.sampler, sink)
        # Captured content stays on this machine: copies never contain it.
        self.copies = SafeCopies(redact(capture_content=False), self.converter)

    def activate(
        self,
        tracer: Tracer,
        logger: Logger,
        session_duration: Histogram,
        operation_duration: Histogram | Durations,
    ) -> None:
        """Let instrumentation record into the sink, with these instruments."""
        settings = self.settings
        state.service = settings.service
        state.sink = self.sink
        state.capture_content = settings.capture_content
        state.client_errors = settings.client_errors
        state.trace_context_to_clients = settings.trace_context_to_clients
        state.soft_errors = tuple(text.casefold() for text in settings.soft_errors)
        state.baggage = settings.baggage
        state.tracer = tracer
        state.logger = logger
        state.session_duration = session_duration
        state.operation_duration = operation_duration
        state.active = True

    def _count_removed(self, number: int) -> None:
        self.attributes_removed += number

    def _count_overflowed(self, kind: str) -> None:
        self.names_overflowed += 1
        self.sink.note("name", "overflowed", kind)


class StorePipeline(Pipeline):
    """The pipeline of one process, into the store."""

    def __init__(self, settings: Settings) -> None:
        resolver = identity.use(settings)
        resolver.prepare(create_key=False)
        self._resolver = resolver
        self._log_file = log_file(settings)
        self.writer = Writer(
            settings.database,
            queue_size=settings.queue_size,
            interval_ms=settings.flush_interval_ms,
            metrics_interval_ms=settings.metrics_interval_ms,
            max_bytes=settings.max_database_bytes,
            describe=self._describe,
            log_file=self._log_file,
        )
        guard.report_to(self.writer)
        super().__init__(
            settings, resolver, self.writer, sampling=sampling_of_environment(settings.sampling)
        )
        self.others: ExtraExporters | None = None
        self.traces: TraceJoint | None = None
        self.joints: tuple[Joint, ...] = ()
        #: For the heartbeat; ``cortex-otel status`` has a text for it.
        self.span_note = f"span:{settings.span}"

    def join(
        self,
        span_processors: Sequence[SpanProcessor],
        log_record_processors: Sequence[LogRecordProcessor],
        metric_readers: Sequence[MetricReader],
    ) -> tuple[Any, Any, Any]:
        """Connect to the providers: our own, or the host's (:mod:`.providers`).

        Args:
            span_processors: to add beside ours.
            log_record_processors: to add beside ours.
            metric_readers: to add beside ours.

        Returns:
            The providers to get our own tracer, logger and meter from.
        """
        resource = cortex_resource(self.settings.service, identity.current())
        provider_class, self.span_note = _span_implementation(self.settings)
        sampler = cortex_sampler()
        self.traces = TraceJoint(
            lambda: provider_class(sampler=sampler, resource=resource, shutdown_on_exit=False),
            (self.span_processor, *span_processors),
            sampler,
        )
        logs = LogJoint(
            lambda: LoggerProvider(resource=resource, shutdown_on_exit=False),
            (self.log_processor, *log_record_processors),
        )
        meters = MetricJoint(
            # Exemplars would keep trace ids of single calls in memory and cost 4 µs a point; the
            # events themselves are in the store.
            lambda readers: OwnMeterProvider(
                metric_readers=readers,
                resource=resource,
                exemplar_filter=AlwaysOffExemplarFilter(),
                shutdown_on_exit=False,
            ),
            self._metric_reader,
            self._drop_metric_reader,
            metric_readers,
            self.writer.expect_metrics,
        )
        self.joints = (self.traces, logs, meters)
        return self.traces.set_up(), logs.set_up(), meters.set_up()

    def _metric_reader(self) -> SqliteMetricReader:
        reader = SqliteMetricReader(self.converter.metrics, _forget_counted)
        self.writer.add_metric_source(reader.points)
        return reader

    def _drop_metric_reader(self, reader: SqliteMetricReader) -> None:
        self.writer.remove_metric_source(reader.points)
        if state.active:  # else the writer has already collected it for the last time
            self.writer.submit_metrics(reader.points())

    def force_flush(self, timeout_millis: float) -> bool:
        """``True`` only if everything that ended before the call is on disk."""
        flush_deferred()
        return self.writer.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float) -> bool:
        """Store what is there and stop; idempotent."""
        deadline = time.monotonic() + timeout_millis / 1000
        flush_deferred()
        state.active = False
        self.sampler.flush(timeout_millis)
        if self.writer.has_received:
            for joint in self.joints:
                if joint.how != "own":
                    self.writer.note("provider", joint.how, joint.slot.signal)
        joints, self.joints = self.joints, ()  # the SDK warns about a second shutdown
        if self.others is None:
            return self.writer.shutdown(timeout_millis)
        own = [provider for joint in joints for provider in joint.to_close]
        stored = self.others.close(self.writer, own, deadline)
        for joint in joints:  # after the writer has collected their instruments for the last time
            joint.leave()
        return stored

    def _span_note(self) -> str:
        is_ours = self.traces is None or self.traces.how in ("own", "apart")
        return self.span_note if is_ours else "span:host"

    def _describe(self) -> dict[str, object]:
        # Called on the writer thread with its first transaction; creates the key if there is none.
        self._resolver.prepare()
        trouble = self._log_file.trouble if self._log_file is not None else ""
        return {
            "service": self.converter.service,
            "faults": guard.faults(),
            "attributes_removed": self.attributes_removed,
            "names_overflowed": self.names_overflowed,
            "notes": [
                self._span_note(),
                *(joint.note for joint in self.joints if joint.how != "own"),
                *(self.others.notes if self.others else ()),
                *([f"log_file:{trouble}"] if trouble else ()),
            ],
        }


def _forget_counted(reader: MetricReader) -> None:
    try:
        forget_counted(reader)
    except Exception as error:  # noqa: BLE001 - the host's fork
        guard.swallowed("fork.metrics", error)


def _span_implementation(settings: Settings) -> tuple[type[TracerProvider], str]:
    """The tracer provider class to use, and the heartbeat note on it."""
    if settings.span == "sdk":
        return TracerProvider, "span:sdk"
    if not span_versions.is_tested():
        # Its fast paths rely on private parts of the SDK: untested versions get the SDK's own span.
        return TracerProvider, f"span:untested {span_versions.sdk_version}"
    from cortex_otel.span.provider import LeanTracerProvider  # noqa: PLC0415 - tested versions only

    return LeanTracerProvider, "span:lean"
