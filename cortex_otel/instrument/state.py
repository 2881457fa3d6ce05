"""What instrumentation needs at run time, in one place, set by :mod:`cortex_otel.configuration`.

Reading one attribute of one module-level object is the cheapest switch there is: with
``state.active`` false a decorated tool costs one call and one attribute look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry._logs import Logger
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Tracer

    from cortex_otel.instrument.durations import Durations

__all__ = ["State", "state"]


class State:
    """The live instruments; all ``None`` until telemetry is configured."""

    __slots__ = ("active", "capture_content", "logger", "operation_duration", "service", "tracer")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Back to the state before :func:`cortex_otel.configure`."""
        self.active: bool = False
        self.capture_content: bool = False
        self.service: str = "mcp"
        self.tracer: Tracer | None = None
        self.logger: Logger | None = None
        self.operation_duration: Histogram | Durations | None = None


state = State()
