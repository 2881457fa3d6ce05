"""The OpenTelemetry instruments that instrumentation records to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel import semconv as sc

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter

__all__ = ["operation_duration", "session_duration"]


def operation_duration(meter: Meter) -> Histogram:
    """``mcp.server.operation.duration``: seconds, with the buckets the MCP conventions advise."""
    return meter.create_histogram(
        sc.MCP_SERVER_OPERATION_DURATION,
        unit="s",
        description=sc.MCP_SERVER_OPERATION_DURATION_DESCRIPTION,
        explicit_bucket_boundaries_advisory=sc.MCP_DURATION_BOUNDARIES,
    )


def session_duration(meter: Meter) -> Histogram:
    """``mcp.server.session.duration``: seconds, with the buckets the MCP conventions advise."""
    return meter.create_histogram(
        sc.MCP_SERVER_SESSION_DURATION,
        unit="s",
        description=sc.MCP_SERVER_SESSION_DURATION_DESCRIPTION,
        explicit_bucket_boundaries_advisory=sc.MCP_DURATION_BOUNDARIES,
    )
