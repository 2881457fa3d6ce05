"""The composition root: settings → redaction, sampling, store and SDK providers.

The one place that wires the write side. Everything is made once a process, lazily where it costs:
the database file and the writer's thread come with the first record. Longer than other files since
what starts a process, changes it and ends it is read in one place.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter
from opentelemetry.sdk.trace import TracerProvider

from cortex_otel import guard, identity
from cortex_otel import semconv as sc
from cortex_otel._version import __version__
from cortex_otel.instrument import mcp_server
from cortex_otel.instrument.durations import Durations, OwnMeterProvider
from cortex_otel.instrument.event_handle import flush_deferred
from cortex_otel.instrument.metrics import operation_duration, session_duration
from cortex_otel.instrument.state import state
from cortex_otel.process.budget import is_declared
from cortex_otel.process.convert import Converter
from cortex_otel.process.copies import SafeCopies
from cortex_otel.process.names import Names
from cortex_otel.process.processor import EventLogProcessor, EventSpanProcessor
from cortex_otel.process.redact import Redactor
from cortex_otel.process.sample import TraceSampler
from cortex_otel.sdk import lifecycle
from cortex_otel.sdk.extra_exporters.fanout import ExtraExporters
from cortex_otel.sdk.providers import LogJoint, MetricJoint, TraceJoint
from cortex_otel.sdk.resource import cortex_resource, cortex_sampler, sampling_of_environment
from cortex_otel.settings import Settings, enabled_by_host, read_environment
from cortex_otel.span import versions as span_versions
from cortex_otel.span.metric_internals import forget_counted
from cortex_otel_exporters import native
from cortex_otel_exporters.sqlite.exporters import SqliteMetricReader
from cortex_otel_exporters.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor

    from cortex_otel.sdk.providers import Joint

__all__ = [
    "Pipeline", "configure", "configure_from_environment", "force_flush", "pipeline", "shutdown",
]  # fmt: skip

_SCOPE = "cortex_otel"
_lock = native.RLock()
_pipeline: Pipeline | None = None


class Pipeline:
    """One process's way from spans to the store."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        resolver = identity.use(settings)
        resolver.prepare(make=False)
        self._resolver = resolver
        self.writer = Writer(
            settings.database,
            queue_size=settings.queue_size,
            interval_ms=settings.flush_interval_ms,
            metrics_interval_ms=settings.metrics_interval_ms,
            describe=self._describe,
        )
        guard.report_to(self.writer)
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
            redactor, resolver, settings.service, self._count_removed,
            names=Names(redactor.name, self._count_overflowed),
        )  # fmt: skip
        self.sampler = TraceSampler(sampling_of_environment(settings.sampling), self.writer)
        self.span_processor = EventSpanProcessor(self.converter, self.sampler, self.writer)
        self.log_processor = EventLogProcessor(self.converter, self.sampler, self.writer)
        # What is captured of content stays on this machine.
        self.copies = SafeCopies(redact(capture_content=False), self.converter)
        self.others: ExtraExporters | None = None
        self.traces: TraceJoint | None = None
        self.joints: tuple[Joint, ...] = ()
        #: For the heartbeat; ``cortex-otel status`` has the words (``span_…`` in messages.py).
        self.span_note = f"span:{settings.span}"

    def join(
        self,
        span_processors: Sequence[SpanProcessor],
        log_record_processors: Sequence[LogRecordProcessor],
        metric_readers: Sequence[MetricReader],
    ) -> tuple[Any, Any, Any]:
        """Open the way in: through our own providers, or the host's (:mod:`.providers`).

        Args:
            span_processors: beside ours.
            log_record_processors: beside ours.
            metric_readers: beside ours.

        Returns:
            What our own tracer, logger and meter are to be got from.
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
        if state.active:  # else the store has asked it for the last time
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
        joints, self.joints = self.joints, ()  # the SDK warns of a second shutdown
        if self.others is None:
            return self.writer.shutdown(timeout_millis)
        own = [provider for joint in joints for provider in joint.to_close]
        stored = self.others.close(self.writer, own, deadline)
        for joint in joints:  # after the store has asked their instruments for the last time
            joint.leave()
        return stored

    def _span_note(self) -> str:
        is_ours = self.traces is None or self.traces.how in ("own", "apart")
        return self.span_note if is_ours else "span:host"

    def _count_removed(self, number: int) -> None:
        self.attributes_removed += number

    def _count_overflowed(self, kind: str) -> None:
        self.names_overflowed += 1
        self.writer.note("name", "overflowed", kind)

    def _describe(self) -> dict[str, object]:
        # Of the writer's thread, with its first transaction: what makes the key, if there is none.
        self._resolver.prepare()
        return {
            "service": self.converter.service,
            "faults": guard.faults(),
            "attributes_removed": self.attributes_removed,
            "names_overflowed": self.names_overflowed,
            "notes": [
                self._span_note(),
                *(joint.note for joint in self.joints if joint.how != "own"),
                *(self.others.notes if self.others else ()),
            ],
        }


def _forget_counted(reader: MetricReader) -> None:
    try:
        forget_counted(reader)
    except Exception as error:  # noqa: BLE001 - the host's fork
        guard.swallowed("fork.metrics", error)


def configure(
    *,
    service: str | None = None,
    tier: str | None = None,
    user_id: str | None = None,
    identity_provider: Callable[[], Any] | None = None,
    home: str | Path | None = None,
    sampling: Mapping[str, float] | str | None = None,
    allow_attributes: Sequence[str] | None = None,
    capture_content: bool | None = None,
    enabled: bool | None = None,
    span_processors: Sequence[SpanProcessor] = (),
    log_record_processors: Sequence[LogRecordProcessor] = (),
    metric_readers: Sequence[MetricReader] = (),
    **settings: Any,
) -> None:
    """Start recording spans, metrics and events into the local SQLite store.

    Call it once, at start-up. A second call, or one after ``opentelemetry-instrument``, updates
    service, user and tier and leaves the rest; one after :func:`shutdown` begins anew. Where an
    OpenTelemetry SDK is already configured, the store is added to its providers.

    Args:
        service: Cortex service of this process: ``mcp``, ``extension``, ``web`` or a new name.
        tier: user tier, where no provider says it: ``free``, ``trial``, ``paid``, ``enterprise``.
        user_id: user id, where no provider says it; hashed at once.
        identity_provider: see :func:`cortex_otel.set_identity_provider`.
        home: directory of the database.
        sampling: share kept by event type, 0 < rate <= 1.
        allow_attributes: further attribute keys to keep (``prefix.*`` for all below).
        capture_content: development only: keep arguments, results and messages.
        enabled: ``False`` switches everything off.
        span_processors: added beside ours; they see the end of a span as a redacted copy, if the
            store keeps it, and its start as it is.
        log_record_processors: added beside ours; they get redacted copies of what is kept.
        metric_readers: added beside ours; they get redacted copies.
        **settings: any other field of :class:`cortex_otel.Settings`.

    Raises:
        SettingError: a setting makes no sense; one line with its name, value and what is allowed.
    """
    given = {
        "service": service, "tier": tier, "user_id": user_id, "home": home, "sampling": sampling,
        "allow_attributes": allow_attributes, "capture_content": capture_content,
        "enabled": enabled, **settings,
    }  # fmt: skip
    overrides = {name: value for name, value in given.items() if value is not None}
    if identity_provider is not None:
        identity.set_identity_provider(identity_provider)
    _start(
        read_environment(overrides=overrides),
        updates=overrides.keys(),
        span_processors=span_processors,
        log_record_processors=log_record_processors,
        metric_readers=metric_readers,
    )


def configure_from_environment() -> None:
    """Start under zero-code: a senseless setting warns once on stderr and its default is used."""
    settings = read_environment(
        warn=lambda line: guard.warn_once(f"setting {line}", "cortex-otel: %s", line)
    )
    if settings.enabled and os.environ.get("OTEL_CONFIG_FILE"):
        guard.warn_once(
            "OTEL_CONFIG_FILE",
            "OTEL_CONFIG_FILE is not followed: cortex-otel is set up by CORTEX_OTEL_* variables "
            "(OTEL_PYTHON_CONFIGURATOR=configurator follows it, with opentelemetry-distro)",
        )
    _start(settings)


def force_flush(timeout_millis: float = 1000) -> bool:
    """Store everything that has ended before this call.

    Args:
        timeout_millis: how long to wait, in milliseconds.

    Returns:
        ``True`` only if all of it is on disk; ``True`` too if nothing is being recorded.
    """
    return _pipeline.force_flush(timeout_millis) if _pipeline is not None else True


def shutdown(timeout_millis: float = 1000) -> bool:
    """Store what is there and stop recording; called by itself at exit and on SIGTERM.

    Args:
        timeout_millis: how long it may take, in milliseconds.

    Returns:
        ``True`` if nothing was left over. What was left is counted as dropped.
    """
    return _pipeline.shutdown(timeout_millis) if _pipeline is not None else True


def pipeline() -> Pipeline | None:
    """The running pipeline, or one made from the environment; ``None`` if switched off."""
    with _lock:
        if _pipeline is not None:
            return _pipeline
        settings = read_environment(
            warn=lambda line: guard.warn_once(f"setting {line}", "cortex-otel: %s", line)
        )
        return _make(settings) if settings.enabled and enabled_by_host() else None


def _start(
    settings: Settings,
    *,
    updates: Any = (),
    span_processors: Sequence[SpanProcessor] = (),
    log_record_processors: Sequence[LogRecordProcessor] = (),
    metric_readers: Sequence[MetricReader] = (),
) -> None:
    with _lock:
        if not settings.enabled or not enabled_by_host():
            if _pipeline is not None:  # switched off in code after a zero-code start
                _pipeline.shutdown(settings.exit_timeout_ms)
            return
        if _pipeline is not None and state.active:
            _update(_pipeline, settings, updates)
            return
        # What was shut down doesn't come back to life: another one begins.
        is_open = _pipeline is not None and not _pipeline.writer.is_closed
        running = (_pipeline if is_open else None) or _make(settings)
        _install(running, span_processors, log_record_processors, metric_readers)


def _make(settings: Settings) -> Pipeline:
    global _pipeline  # noqa: PLW0603 - one process, one pipeline
    _pipeline = Pipeline(settings)
    lifecycle.at_exit(lambda: _pipeline and _pipeline.shutdown(settings.exit_timeout_ms))
    if settings.capture_content:
        guard.warn_once(
            "capture_content",
            "CORTEX_OTEL_CAPTURE_CONTENT IS ON: tool arguments, results and error messages are "
            "stored in %s AS THEY ARE, and go to the exporters of an OpenTelemetry that the "
            "program sets up itself. For development only.", settings.database.name,
        )  # fmt: skip
    return _pipeline


def _update(running: Pipeline, settings: Settings, updates: Any) -> None:
    """A second :func:`configure`: who and what changes, where and how doesn't."""
    if {"user_id", "tier"} & set(updates):
        resolver = identity.use(settings)
        running.converter.use_resolver(resolver)
    if "service" in updates:
        running.converter.service = state.service = settings.service
    later = set(updates) - {"user_id", "tier", "service"}
    changed = {name for name in later if getattr(settings, name) != getattr(running.settings, name)}
    if changed:
        guard.warn_once(
            "configure.again",
            "cortex-otel is already recording; %s can't change any more (set it in the "
            "environment, or configure() before anything else does)", ", ".join(sorted(changed)),
        )  # fmt: skip


def _install(
    running: Pipeline,
    span_processors: Sequence[SpanProcessor],
    log_record_processors: Sequence[LogRecordProcessor],
    metric_readers: Sequence[MetricReader],
) -> None:
    settings = running.settings
    others = running.others = ExtraExporters(
        settings, running.copies, running.writer.note, span_processors=span_processors,
        log_processors=log_record_processors, metric_readers=metric_readers,
    )  # fmt: skip
    running.span_processor.beside = running.log_processor.beside = others.takers
    tracer_provider, logger_provider, meter_provider = running.join(
        others.span_processors, others.log_processors, others.metric_readers
    )

    version = __version__
    state.service = settings.service
    state.sink = running.writer
    state.capture_content = settings.capture_content
    state.client_errors = settings.client_errors
    state.trace_context_to_clients = settings.trace_context_to_clients
    state.soft_errors = tuple(text.casefold() for text in settings.soft_errors)
    state.baggage = settings.baggage
    state.tracer = tracer_provider.get_tracer(_SCOPE, version)
    state.logger = logger_provider.get_logger(_SCOPE, version)
    meter = meter_provider.get_meter(_SCOPE, version)
    state.session_duration = session_duration(meter)
    histogram = operation_duration(meter)
    state.operation_duration = histogram
    if isinstance(meter_provider, OwnMeterProvider) and not others.metric_readers:
        # Nobody but the store reads metrics: the shorter way, until somebody does.
        durations = Durations(
            histogram,
            sc.MCP_SERVER_OPERATION_DURATION,
            sc.MCP_DURATION_BOUNDARIES,
            running.converter.metrics,
        )
        meter_provider.durations = state.operation_duration = durations
        running.writer.add_metric_source(durations.points)
    state.active = True
    mcp_server.install()


def _span_implementation(settings: Settings) -> tuple[type[TracerProvider], str]:
    """The tracer provider to make, and the note on it."""
    if settings.span == "sdk":
        return TracerProvider, "span:sdk"
    if not span_versions.is_tested():
        # Its short ways rely on private parts of the SDK: no guess is made about another version.
        return TracerProvider, f"span:untested {span_versions.sdk_version}"
    from cortex_otel.span.provider import LeanTracerProvider  # noqa: PLC0415 - tested versions only

    return LeanTracerProvider, "span:lean"


def reset_for_tests() -> None:
    """Forget the pipeline, so that the next :func:`configure` begins anew; of our own tests."""
    global _pipeline  # noqa: PLW0603
    with _lock:
        if _pipeline is not None:
            _pipeline.shutdown(5000)
        _pipeline = None
        mcp_server.remove()
        guard.report_to(None)
        state.reset()
