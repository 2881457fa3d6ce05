"""The OpenTelemetry instruments that instrumentation records to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel import semconv as sc
from cortex_otel.process.budget import OTHER, Budget

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

__all__ = ["few", "operation_duration", "session_duration"]

_budgets = {kind: Budget(kind) for kind in ("code", "error", "protocol")}


def few(kind: str, value: str) -> str:
    """``value``, or ``_OTHER`` once there are too many distinct values for a metric attribute.

    A client chooses its protocol version, and a tool may raise any class and code. The SDK has room
    for 2,000 attribute sets, and keeps them until the process ends.

    Args:
        kind: of value: ``code``, ``error`` or ``protocol``.
        value: ``""`` for none.
    """
    return value if not value or _budgets[kind].admits(value) else OTHER


def operation_duration(meter: Meter) -> Histogram:
    """``mcp.server.operation.duration``: seconds, with the buckets the MCP conventions advise."""
    return meter.create_histogram(
        sc.MCP_SERVER_OPERATION_DURATION,
        unit=sc.MCP_SERVER_OPERATION_DURATION_UNIT,
        description=sc.MCP_SERVER_OPERATION_DURATION_DESCRIPTION,
        explicit_bucket_boundaries_advisory=sc.MCP_SERVER_OPERATION_DURATION_BOUNDARIES,
    )


def session_duration(meter: Meter) -> Histogram:
    """``mcp.server.session.duration``: seconds, with the buckets the MCP conventions advise."""
    return meter.create_histogram(
        sc.MCP_SERVER_SESSION_DURATION,
        unit=sc.MCP_SERVER_SESSION_DURATION_UNIT,
        description=sc.MCP_SERVER_SESSION_DURATION_DESCRIPTION,
        explicit_bucket_boundaries_advisory=sc.MCP_SERVER_SESSION_DURATION_BOUNDARIES,
    )
