"""The general form of the telemetry clients: any event, by its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel import guard
from cortex_otel.instrument.event_handle import emit, flush_deferred
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.instrument.state import state
from cortex_otel.instrument.validate import miss, reject_positional, reject_type
from cortex_otel.semconv import CORTEX_SERVICE

if TYPE_CHECKING:
    from typing import Never

    from cortex_otel.instrument.validate import Attributes

__all__ = ["TelemetryClient", "TelemetryEvent"]


class TelemetryEvent:
    """An event to be recorded.

    Args:
        event_type: one of the declared ones, e.g. ``mcp.search_context``.
        unnamed: none; what is given without a name is left out and counted.
        fields: by the argument names of the event's function in
            :mod:`cortex_otel.instrument.events`; ``None`` means not known. An event that takes time
            also has ``duration_ms``, ``result`` and ``error``.
    """

    __slots__ = ("event_type", "fields", "unnamed")

    def __init__(self, /, event_type: str = "", *unnamed: Never, **fields: object) -> None:
        self.event_type = event_type
        self.fields = fields
        self.unnamed = len(unnamed)


class TelemetryClient:
    """Records events of any type; usable from any thread. No method raises.

    Args:
        service: ``cortex.service`` of its events, letters, digits, ``_`` and ``-``. Without it that
            of the event's declaration, else of this program.
    """

    __slots__ = ("_service",)

    def __init__(self, service: str | None = None) -> None:
        self._service = service if isinstance(service, str) else None

    def track_event(self, event: TelemetryEvent) -> None:
        """Record an event at the call.

        An unknown type is counted and logged once, as are values that make no sense, arguments that
        the event doesn't have and needed ones that are missing.
        """
        if not state.active:
            return
        try:
            self._track(event)
        except Exception as error:  # noqa: BLE001 - never into the host
            guard.swallowed("events.track_event", error)

    def _track(self, event: TelemetryEvent) -> None:
        flush_deferred()
        event_type = event.event_type if isinstance(event, TelemetryEvent) else None
        declared = EVENTS.get(event_type) if isinstance(event_type, str) else None
        if declared is None:
            reject_type(EVENTS)
            return
        if event.unnamed:
            reject_positional(declared.name, event.unnamed)
        fields = {field.name: field.default for field in declared.fields}
        for name in (one.name for one in declared.fields if one.required):
            if name not in event.fields:
                miss(declared.name, name)
        attributes: Attributes = {}
        declared.read(fields | event.fields, attributes)
        if self._service:
            attributes[CORTEX_SERVICE] = self._service
        emit(declared, attributes)
