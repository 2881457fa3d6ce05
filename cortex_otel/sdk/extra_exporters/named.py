"""Exporters named by ``OTEL_*_EXPORTER``, beside SQLite: only if the user allows them.

Many machines have ``OTEL_EXPORTER_OTLP_ENDPOINT`` or ``OTEL_TRACES_EXPORTER=otlp`` set for some
other program, and another distro's default is OTLP to localhost. None of that may send data out of
this process's database, so those variables are ignored until
``CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true``. Console exporters never run: a stdio MCP server's
protocol runs over stdout.
"""

from __future__ import annotations

import math
import os
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_otel import guard

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Named", "metric_interval_ms", "named_by_environment"]

_OURS_OR_NONE = frozenset({"", "none", "cortex_sqlite"})
_METRIC_INTERVAL_MS = 60_000.0


class Named(NamedTuple):
    """An exporter that the environment or a setting names."""

    name: str
    """Its name there."""
    signal: str
    """``traces``, ``logs`` or ``metrics``."""
    make: Callable[[], Any]
    """Imports and makes the SDK exporter; for metrics it may be a reader instead."""
    is_otlp: bool = False
    """It isn't a reader, and its preferred temporality is known before it is made."""


def named_by_environment(*, allowed: bool) -> list[Named]:
    """What ``OTEL_{TRACES,LOGS,METRICS}_EXPORTER`` names beside ``cortex_sqlite``.

    Args:
        allowed: the user's ``allow_other_exporters``; if not, names are only warned about.
    """
    signals = ("traces", "logs", "metrics")
    return [one for signal in signals for one in _named(signal, allowed=allowed)]


def metric_interval_ms() -> float:
    """``OTEL_METRIC_EXPORT_INTERVAL``, in milliseconds; the SDK's default if it is invalid."""
    text = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "")
    try:
        interval = float(text) if text else _METRIC_INTERVAL_MS
    except ValueError:
        interval = math.nan
    return interval if 0 < interval < math.inf else _METRIC_INTERVAL_MS


def _named(signal: str, *, allowed: bool) -> list[Named]:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in os.environ.get(variable, "").split(",")]
    names = [name for name in names if name.lower() not in _OURS_OR_NONE]
    if not names:
        return []
    if not allowed:
        guard.warn_once(
            f"exporter {signal}",
            "%s=%s is not followed: telemetry stays on this machine "
            "(CORTEX_OTEL_ALLOW_OTHER_EXPORTERS=true follows it)",
            variable,
            ",".join(names),
        )
        return []
    exporters = []
    for name in names:
        make = _find(signal, name)
        if make is not None:
            exporters.append(Named(name, signal, make, is_otlp=name.startswith("otlp")))
    return exporters


def _find(signal: str, name: str) -> Callable[[], Any] | None:
    if name == "console":
        guard.warn_once(
            "exporter console",
            "the console exporter is not started: it writes to stdout, over "
            "which an MCP server talks to its client",
        )
        return None
    if name == "otlp":
        general = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        protocol = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or general
        name = "otlp_proto_grpc" if protocol.strip() == "grpc" else "otlp_proto_http"
    for entry_point in entry_points(group=f"opentelemetry_{signal}_exporter", name=name):
        return partial(_make, entry_point)
    guard.warn_once(f"exporter {name}", "exporter %s is not installed; continuing without it", name)
    return None


def _make(entry_point: EntryPoint) -> Any:
    return entry_point.load()()
