"""Exporters beside SQLite, which ``OTEL_*_EXPORTER`` names: only if the user allowed it.

Many machines have ``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_TRACES_EXPORTER=otlp`` set for some
other program, and another distro's default is OTLP to localhost. None of that may make data leave
this process's database, so those variables count for nothing until
``CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true``. Console exporters never run: a stdio MCP server
speaks on stdout.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from cortex_otel import guard

__all__ = ["OtherExporters", "from_environment"]

_OURS_OR_NONE = frozenset({"", "none", "cortex_sqlite"})


class OtherExporters(NamedTuple):
    """Processors and readers to add beside ours."""

    span_processors: tuple[Any, ...] = ()
    log_processors: tuple[Any, ...] = ()
    metric_readers: tuple[Any, ...] = ()


def from_environment(*, allowed: bool) -> OtherExporters:
    """What ``OTEL_{TRACES,LOGS,METRICS}_EXPORTER`` names beside ``cortex_sqlite``.

    Args:
        allowed: the user's ``allow_other_exporters``; if not, names are only warned about.
    """
    return OtherExporters(
        tuple(map(BatchSpanProcessor, _named("traces", allowed=allowed))),
        tuple(map(BatchLogRecordProcessor, _named("logs", allowed=allowed))),
        tuple(
            exporter if isinstance(exporter, MetricReader)
            else PeriodicExportingMetricReader(exporter)
            for exporter in _named("metrics", allowed=allowed)
        ),
    )  # fmt: skip


def _named(signal: str, *, allowed: bool) -> list[Any]:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in os.environ.get(variable, "").split(",")]
    names = [name for name in names if name.lower() not in _OURS_OR_NONE]
    if not names:
        return []
    if not allowed:
        guard.warn_once(
            f"exporter {signal}",
            "%s=%s is not followed: telemetry stays on this machine "
            "(CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true follows it)", variable, ",".join(names),
        )  # fmt: skip
        return []
    found = []
    for name in names:
        exporter = _load(signal, name)
        if exporter is not None:
            found.append(exporter)
    return found


def _load(signal: str, name: str) -> Any:
    if name == "console":
        guard.warn_once(
            "exporter console", "the console exporter is not started: it writes to stdout, where "
            "an MCP server speaks with its client",
        )  # fmt: skip
        return None
    if name == "otlp":
        general = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or general
        name = "otlp_proto_grpc" if protocol.strip() == "grpc" else "otlp_proto_http"
    for entry_point in entry_points(group=f"opentelemetry_{signal}_exporter", name=name):
        try:
            return entry_point.load()()
        except Exception as error:  # noqa: BLE001 - somebody else's package
            guard.swallowed(f"exporter.{name}", error)
            return None
    guard.warn_once(f"exporter {name}", "exporter %s is not installed; going on without it", name)
    return None
