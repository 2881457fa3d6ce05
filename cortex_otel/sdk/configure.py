"""The composition root: starts a process's pipeline, changes it and ends it.

Everything is created once per process, and lazily where that is expensive: the database file and
the writer thread come with the first record.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cortex_otel import guard, identity
from cortex_otel import semconv as sc
from cortex_otel._version import __version__
from cortex_otel.instrument import mcp_server
from cortex_otel.instrument.durations import Durations, OwnMeterProvider
from cortex_otel.instrument.metrics import operation_duration, session_duration
from cortex_otel.instrument.state import state
from cortex_otel.sdk import lifecycle
from cortex_otel.sdk.extra_exporters.fanout import ExtraExporters
from cortex_otel.sdk.pipeline import SCOPE, StorePipeline
from cortex_otel.settings import Settings, enabled_by_host, read_environment
from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from opentelemetry.metrics import Histogram
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor

__all__ = ["configure", "configure_from_environment", "force_flush", "pipeline", "shutdown"]

_lock = native.RLock()
_pipeline: StorePipeline | None = None


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
    service, user and tier and leaves the rest; one after :func:`shutdown` starts again. Where an
    OpenTelemetry SDK is already configured, the store is added to its providers.

    Args:
        service: Cortex service of this process: ``mcp``, ``extension``, ``web`` or a new name.
        tier: user tier, where no provider gives one: ``free``, ``trial``, ``paid``, ``enterprise``.
        user_id: user id, where no provider gives one; hashed at once.
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
        SettingError: a setting is invalid; one line with its name, value and what is allowed.
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
    """Start under zero-code: an invalid setting warns once on stderr and its default is used."""
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
    """Store what is there and stop recording; runs automatically at exit and on SIGTERM.

    Args:
        timeout_millis: how long it may take, in milliseconds.

    Returns:
        ``True`` if nothing was left over. What was left is counted as dropped.
    """
    return _pipeline.shutdown(timeout_millis) if _pipeline is not None else True


def pipeline() -> StorePipeline | None:
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
        # A pipeline that was shut down isn't restarted: a new one is made.
        is_open = _pipeline is not None and not _pipeline.writer.is_closed
        running = (_pipeline if is_open else None) or _make(settings)
        _install(running, span_processors, log_record_processors, metric_readers)


def _make(settings: Settings) -> StorePipeline:
    global _pipeline  # noqa: PLW0603 - one process, one pipeline
    _pipeline = StorePipeline(settings)
    lifecycle.at_exit(lambda: _pipeline and _pipeline.shutdown(settings.exit_timeout_ms))
    if settings.capture_content:
        guard.warn_once(
            "capture_content",
            "CORTEX_OTEL_CAPTURE_CONTENT IS ON: tool arguments, results and error messages are "
            "stored in %s AS THEY ARE, and go to the exporters of an OpenTelemetry that the "
            "program sets up itself. For development only.",
            settings.database.name,
        )
    return _pipeline


def _update(running: StorePipeline, settings: Settings, updates: Any) -> None:
    """Apply a second :func:`configure`: user, tier and service change, nothing else does."""
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
            "environment, or configure() before anything else does)",
            ", ".join(sorted(changed)),
        )


def _install(
    running: StorePipeline,
    span_processors: Sequence[SpanProcessor],
    log_record_processors: Sequence[LogRecordProcessor],
    metric_readers: Sequence[MetricReader],
) -> None:
    settings = running.settings
    others = running.others = ExtraExporters(
        settings,
        running.copies,
        running.writer.note,
        span_processors=span_processors,
        log_processors=log_record_processors,
        metric_readers=metric_readers,
    )
    running.span_processor.beside = running.log_processor.beside = others.takers
    tracer_provider, logger_provider, meter_provider = running.join(
        others.span_processors, others.log_processors, others.metric_readers
    )

    meter = meter_provider.get_meter(SCOPE, __version__)
    histogram = operation_duration(meter)
    durations: Histogram | Durations = histogram
    if isinstance(meter_provider, OwnMeterProvider) and not others.metric_readers:
        # Only the store reads metrics: the cheaper histogram, until another reader is added.
        durations = meter_provider.durations = Durations(
            histogram,
            sc.MCP_SERVER_OPERATION_DURATION,
            sc.MCP_SERVER_OPERATION_DURATION_BOUNDARIES,
            running.converter.metrics,
        )
        running.writer.add_metric_source(durations.points)
    running.activate(
        tracer_provider.get_tracer(SCOPE, __version__),
        logger_provider.get_logger(SCOPE, __version__),
        session_duration(meter),
        durations,
    )
    mcp_server.install()


def reset_for_tests() -> None:
    """Forget the pipeline, so that the next :func:`configure` begins anew; for our own tests."""
    global _pipeline  # noqa: PLW0603
    with _lock:
        if _pipeline is not None:
            _pipeline.shutdown(5000)
        _pipeline = None
        mcp_server.remove()
        guard.report_to(None)
        state.reset()
