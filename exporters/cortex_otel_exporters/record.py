"""The row type: a span or log event as it reaches a store.

A :class:`Record` is safe by construction: before one is made, personal data was removed and the
sampling weight decided. Stores add nothing and read nothing else.

The dimensions that repeat from event to event are grouped into three small tuples
(:class:`Series`, :class:`Context`, :class:`Session`) which a store keeps once and refers to by
a surrogate key. Absent text is ``""`` there, never ``None``, so that uniqueness holds in SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "OTHER_EVENT_TYPES",
    "SPAN_EVENT_TYPE",
    "Context",
    "MetricPoint",
    "Record",
    "Series",
    "Session",
    "Sink",
]

#: Event type of spans and logs that are not product events; they stay out of product counts.
SPAN_EVENT_TYPE = "span"
#: All that are none, as the schema says it (`series.is_product`).
OTHER_EVENT_TYPES = frozenset({SPAN_EVENT_TYPE, "log"})


class Series(NamedTuple):
    """The product dimensions of an event; few distinct values, one roll-up row an hour each."""

    service: str
    """``mcp``, ``extension``, ``web`` …"""
    event_type: str
    """``mcp.tool_call`` …, or ``span`` for spans of other instrumentations."""
    name: str
    """Span or event name, low-cardinality."""
    tool_name: str
    feature: str
    """The part of the product that was used: tool, element, category; ``""`` if none."""
    user_tier: str
    result: str
    """``success``, ``error``, ``timeout`` or ``cancelled``."""
    level: str
    """``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``."""
    kind: str
    """Span kind in lower case, or ``event`` for a log-based event."""
    error_type: str


class Context(NamedTuple):
    """The technical dimensions of an event: instrumentation scope, resource, project, branch."""

    scope: str
    """Instrumentation scope, ``name@version``."""
    resource: str
    """Allow-listed resource attributes, a JSON object."""
    project_id: str
    branch_id: str
    attributes: str
    """Allow-listed low-cardinality attributes, a JSON object."""


class Session(NamedTuple):
    """A session of one user in one service, and its platform."""

    session_id: str
    os: str = ""
    ide: str = ""
    extension_version: str = ""
    server_name: str = ""
    server_version: str = ""
    runtime: str = ""
    instance_id: str = ""


class Record(NamedTuple):
    """One row of ``telemetry_events``."""

    time_unix_nano: int
    """Start of the span, or the instant of the event; Unix nanoseconds."""
    duration_nano: int | None
    """Nanoseconds; ``None`` for an instant."""
    series: Series
    context: Context
    session: Session
    user_id_hash: str
    """64 hex digits, or ``""``."""
    trace_id: int
    """128 bits; 0 outside a trace."""
    span_id: int
    """64 bits; 0 outside a trace. For a log event, the span it happened in."""
    parent_span_id: int
    weight: float
    """How many events this one represents: 1 / sampling rate."""
    error_message: str
    """Type, module, function and line; never the text of the exception."""
    event_data: Mapping[str, object]
    """JSON-serialisable values by attribute key."""
    measures: tuple[tuple[str, float], ...] = ()
    """Values that roll-ups sum, by name (tokens before, suggestions accepted …)."""
    identity: int | None = None
    """Keyed hash of what was received, before redaction: 64 bits, signed. ``None`` in process."""


class MetricPoint(NamedTuple):
    """One row of ``telemetry_metrics``: a data point of an OpenTelemetry instrument."""

    time_unix_nano: int
    start_time_unix_nano: int
    name: str
    unit: str
    kind: str
    """``sum``, ``gauge`` or ``histogram``."""
    service: str
    user_tier: str
    value: float
    """Sum or gauge value; for a histogram, the mean."""
    observations: int | None
    sum: float | None
    minimum: float | None
    maximum: float | None
    buckets: str
    """Histogram: JSON ``{"bounds": […], "counts": […]}``; else ``""``."""
    attributes: str
    """Allow-listed attributes, a JSON object."""
    identity: int | None = None
    """As in :class:`Record`."""


class Sink(Protocol):
    """Takes safe records. Calls never block and never raise."""

    def submit(self, record: Record) -> bool:
        """Take ``record``; ``False`` if it was dropped (and counted)."""
        ...

    def submit_metrics(self, points: list[MetricPoint]) -> bool:
        """Take metric points; ``False`` if they were dropped (and counted)."""
        ...

    def sample_out(self, record: Record) -> None:
        """Count a record that sampling left out, and keep that it was there."""
        ...

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Count records that were refused before they became rows, by reason."""
        ...

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Add an entry to the ledger that isn't about the fate of a record of this process.

        Args:
            signal: its subject: ``fault``, ``name``, ``argument``; or ``event``, ``metric``.
            outcome: what happened (``swallowed``, ``overflowed``, ``refused``, ``sent`` …).
            reason: where or why; low-cardinality, never a value of the host's.
            number: how many.
        """
        ...

    def force_flush(self, timeout_millis: float = 1000) -> bool:
        """Store everything submitted before; ``True`` only if all of it is on disk."""
        ...
