"""Entry points for ``opentelemetry-instrument`` and for other people's SDK configurations.

* distro and configurator: zero-code start (``opentelemetry-instrument python server.py``).
* instrumentor: adds the store to an SDK that another distro has configured.
* exporters named ``cortex_sqlite``, resource detector and sampler named ``cortex``: the parts, to
  be combined by ``OTEL_*`` variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.dependencies import DependencyConflictError
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]
from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]
    BaseInstrumentor,
)
from opentelemetry.sdk._configuration import _BaseConfigurator

from cortex_otel import guard
from cortex_otel.instrument import mcp_server
from cortex_otel.instrument.state import state
from cortex_otel.process.from_sdk import log_data, span_data
from cortex_otel.sdk.configure import configure_from_environment, pipeline, shutdown
from cortex_otel.sdk.resource import CortexResourceDetector, cortex_sampler
from cortex_otel_exporters.sqlite.exporters import (
    SqliteLogRecordExporter,
    SqliteMetricExporter,
    SqliteSpanExporter,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from opentelemetry.util._importlib_metadata import EntryPoint

    from cortex_otel_exporters.record import MetricPoint, Record

__all__ = [
    "CortexConfigurator", "CortexDistro", "CortexInstrumentor", "CortexLogRecordExporter",
    "CortexMetricExporter", "CortexResourceDetector", "CortexSpanExporter", "McpServerInstrumentor",
    "cortex_sampler",
]  # fmt: skip


class CortexDistro(BaseDistro):  # type: ignore[misc]
    """Sets no environment variables: the host's child processes would inherit them."""

    def _configure(self, **_: Any) -> None:
        """Do nothing: the configurator has its own defaults."""

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Load one instrumentor; one that raises doesn't stop those after it."""
        try:
            super().load_instrumentor(entry_point, **kwargs)
        except (ImportError, DependencyConflictError):
            raise  # the loader skips these itself
        except Exception as error:  # noqa: BLE001 - somebody else's package
            guard.warn_once(
                f"instrumentor {entry_point.name}",
                "instrumentor %s failed with %s; going on without it",
                entry_point.name,
                type(error).__name__,
            )


class CortexConfigurator(_BaseConfigurator):
    """Wires the SDK to the local store, as configured by the environment."""

    def _configure(self, **_: Any) -> None:
        try:
            configure_from_environment()
        except Exception as error:  # noqa: BLE001 - the host must start
            guard.swallowed("distro.configure", error)


class CortexInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Adds the store to the SDK providers that are set; does nothing if they are ours."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: it instruments the SDK, which is a dependency of this package."""
        return ()

    def _instrument(self, **_: Any) -> None:
        configure_from_environment()

    def _uninstrument(self, **_: Any) -> None:
        shutdown()


class McpServerInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """The wire hook, as ``cortex_mcp``: one span and one metric point of each MCP request.

    The configurator and :func:`cortex_otel.configure` install it too;
    ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=cortex_mcp`` keeps it out.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: it waits for whichever MCP library the host imports."""
        return ()

    def _instrument(self, **_: Any) -> None:
        mcp_server.install()

    def _uninstrument(self, **_: Any) -> None:
        mcp_server.remove()


class _NullSink:
    """Discards everything: the sink while telemetry is switched off."""

    def submit(self, record: Record) -> bool:
        del record
        return True

    def submit_metrics(self, points: list[MetricPoint]) -> bool:
        del points
        return True

    def sample_out(self, record: Record) -> None:
        del record

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        del reason, number, signal

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        del signal, outcome, reason, number

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        del timeout_millis
        return True


# Once the instrumentor or `configure()` has added our own processors to the SDK's providers, they
# see everything, earlier and with sampling: an exporter beside them would store it twice.


class CortexSpanExporter(SqliteSpanExporter):
    """``OTEL_TRACES_EXPORTER=cortex_sqlite``; idle where our own processor is attached."""

    def __init__(self) -> None:
        running = pipeline()
        if running is None:
            super().__init__(_NullSink(), lambda _span: None)
            return
        convert = running.converter.span
        super().__init__(
            running.writer, lambda span: None if state.active else convert(span_data(span))
        )


class CortexLogRecordExporter(SqliteLogRecordExporter):
    """``OTEL_LOGS_EXPORTER=cortex_sqlite``; idle where our own processor is attached."""

    def __init__(self) -> None:
        running = pipeline()
        if running is None:
            super().__init__(_NullSink(), lambda _record: None)
            return
        convert = running.converter.log
        super().__init__(
            running.writer, lambda record: None if state.active else convert(log_data(record))
        )


class CortexMetricExporter(SqliteMetricExporter):
    """``OTEL_METRICS_EXPORTER=cortex_sqlite``; idle where our own reader is attached."""

    def __init__(self) -> None:
        running = pipeline()
        if running is None:
            super().__init__(_NullSink(), lambda _data: [])
            return
        convert = running.converter.metrics
        super().__init__(running.writer, lambda data: [] if state.active else convert(data))
