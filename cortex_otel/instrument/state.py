"""The run-time state of instrumentation, set by :mod:`cortex_otel.sdk.configure`.

Reading one attribute of one module-level object is the cheapest possible switch: with
``state.active`` false a decorated tool costs one call and one attribute look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry._logs import Logger
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Tracer

    from cortex_otel.instrument.durations import Durations
    from cortex_otel_exporters.record import Sink

__all__ = ["State", "state"]


class State:
    """The active instruments and switches; off until telemetry is configured."""

    __slots__ = (
        "active", "baggage", "capture_content", "client_errors", "logger", "operation_duration",
        "service", "session_duration", "sink", "soft_errors", "trace_context_to_clients", "tracer",
    )  # fmt: skip

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Back to the state before :func:`cortex_otel.configure`."""
        self.active: bool = False
        self.capture_content: bool = False
        self.client_errors: bool = True
        self.trace_context_to_clients: bool = True
        self.soft_errors: tuple[str, ...] = ()
        self.baggage: Mapping[str, str] = {}
        self.service: str = "mcp"
        self.tracer: Tracer | None = None
        self.logger: Logger | None = None
        self.operation_duration: Histogram | Durations | None = None
        self.session_duration: Histogram | None = None
        self.sink: Sink | None = None


state = State()
