"""OpenTelemetry for MCP servers and IDE extensions that stays on the user's machine.

Quickstart::

    import cortex_otel

    cortex_otel.configure(service="mcp")

    @mcp.tool()
    @cortex_otel.instrument_tool
    async def search_context(query: str, top_k: int = 5) -> list[str]: ...

or nothing in code at all: ``opentelemetry-instrument python server.py``. Then ``cortex-otel
status``, ``cortex-otel tail -f`` and ``cortex-otel query tools``.

Spans, metrics and events go to a SQLite file under ``~/.cortex/telemetry`` and nowhere else.
Start-up may raise (:class:`SettingError`); after that nothing here raises into the host.

The modules, in the order in which data flows: :mod:`~cortex_otel.instrument` (decorator, events)
→ :mod:`~cortex_otel.process` (redaction, sampling) → :mod:`cortex_otel_exporters` (the store)
→ :mod:`~cortex_otel.query` (questions). :mod:`~cortex_otel.sdk.configure` wires them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cortex_otel._version import __version__

if TYPE_CHECKING:
    from cortex_otel.identity import Identity, set_identity_provider
    from cortex_otel.instrument import events
    from cortex_otel.instrument.clients import (
        TelemetryClient,
        TelemetryEvent,
        get_extension_telemetry_client,
        get_mcp_telemetry_client,
    )
    from cortex_otel.instrument.tool import instrument_tool
    from cortex_otel.query.storage import TelemetryStorage
    from cortex_otel.sdk.configure import configure, force_flush, shutdown
    from cortex_otel.settings import SettingError, Settings


__all__ = [
    "Identity",
    "SettingError",
    "Settings",
    "TelemetryClient",
    "TelemetryEvent",
    "TelemetryStorage",
    "__version__",
    "configure",
    "events",
    "force_flush",
    "get_extension_telemetry_client",
    "get_mcp_telemetry_client",
    "instrument_tool",
    "set_identity_provider",
    "shutdown",
]

# Loaded when first asked for: the command line needs no SDK, an instrumented server no queries.
_HOMES = {
    "Identity": "identity",
    "SettingError": "settings",
    "Settings": "settings",
    "TelemetryClient": "instrument.clients",
    "TelemetryEvent": "instrument.clients",
    "TelemetryStorage": "query.storage",
    "configure": "sdk.configure",
    "events": "instrument",
    "force_flush": "sdk.configure",
    "get_extension_telemetry_client": "instrument.clients",
    "get_mcp_telemetry_client": "instrument.clients",
    "instrument_tool": "instrument.tool",
    "set_identity_provider": "identity",
    "shutdown": "sdk.configure",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "events":
        found: Any = import_module("cortex_otel.instrument.events")
    else:
        found = getattr(import_module(f"cortex_otel.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
