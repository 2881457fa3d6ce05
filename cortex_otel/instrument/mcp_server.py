"""The wire hook: records every request of an MCP server, on any MCP stack.

Installed once per process, it waits for the modules of the stacks to be imported (or finds them
imported already) and lets an adapter of :mod:`.stacks` replace the one function that all requests
go through. It imports none of them itself. Where a stack makes its own spans for requests, ours
replaces them while a request is served, so that each request is one recording SERVER span.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import wrapt

from cortex_otel import guard
from cortex_otel.instrument.patches import Patches
from cortex_otel.instrument.stacks import fastmcp, mcp1, mcp1_session, mcp2, tools

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["INSTRUMENTOR", "install", "installed", "remove"]

#: Name of the instrumentor entry point; ``mcp`` is taken by two other packages.
INSTRUMENTOR: Final = "cortex_mcp"

#: The adapter to call when a module is imported. Both families share some of the names.
_ADAPTERS: Final[dict[str, Callable[[Patches, Any], None]]] = {
    "mcp.server.lowlevel.server": mcp1.adapt_server,
    "mcp.server.session": mcp1_session.adapt_session,
    "mcp.server.streamable_http": mcp1_session.adapt_http,
    "mcp.server.fastmcp.tools.tool_manager": tools.adapt_manager,
    "mcp.server.fastmcp.utilities.func_metadata": tools.adapt_conversion,
    "mcp.server.runner": mcp2.adapt_runner,
    "mcp.server._streamable_http_modern": mcp2.adapt_header_check,
    "mcp.server._otel": mcp2.adapt_native_spans,
    "mcp.shared.jsonrpc_dispatcher": mcp2.adapt_dispatcher,
    "mcp.server.mcpserver.tools.tool_manager": tools.adapt_manager,
    "mcp.server.mcpserver.utilities.func_metadata": tools.adapt_conversion,
    "fastmcp.server.server": fastmcp.adapt_server,
    "fastmcp.server.low_level": fastmcp.adapt_low_level,
    "fastmcp.server.telemetry": fastmcp.adapt_telemetry,
    "fastmcp.tools.tool": tools.adapt_conversion,
}

_patches = Patches()
_adapted: set[str] = set()
_installed = _waiting = False


def install() -> None:
    """Hook into every MCP stack of this process, now or when it is imported; idempotent."""
    global _installed, _waiting  # noqa: PLW0603 - a process has one hook
    disabled = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    if _installed or INSTRUMENTOR in {name.strip() for name in disabled.split(",")}:
        return
    _installed = True
    if _waiting:
        for name in _ADAPTERS:
            if name in sys.modules:
                _adapt(name, sys.modules[name])
        return
    _waiting = True  # an import hook can't be removed; `_adapt` checks `_installed`
    for name in _ADAPTERS:
        wrapt.register_post_import_hook(functools.partial(_adapt, name), name)


def installed() -> bool:
    """Whether MCP stacks are hooked, or will be when they are imported."""
    return _installed


def remove() -> None:
    """Restore everything that was replaced."""
    global _installed  # noqa: PLW0603
    _installed = False
    _patches.restore()
    _adapted.clear()


def _adapt(name: str, module: ModuleType) -> None:
    if not _installed or name in _adapted:
        return
    _adapted.add(name)
    try:
        _ADAPTERS[name](_patches, module)
    except Exception as error:  # noqa: BLE001 - the host's import
        guard.swallowed(f"mcp_server.adapt.{name}", error)
