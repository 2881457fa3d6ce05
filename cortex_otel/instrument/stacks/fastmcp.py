"""fastmcp 3 and 4: spans of their own go into ours, and tools are known by name.

fastmcp 2 makes no spans and needs nothing beside :mod:`.mcp1`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cortex_otel.instrument import request as requests
from cortex_otel.instrument.native import NativeTracer, current_span

if TYPE_CHECKING:
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches

__all__ = ["adapt_server", "adapt_telemetry"]


def adapt_server(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.server``, if it is that of fastmcp 3 or 4."""
    if hasattr(module, "server_span"):
        patches.replace(module.FastMCP, "call_tool", _call_tool)


def adapt_telemetry(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.telemetry``: what starts spans there gets them from here."""
    patches.replace(module, "get_tracer", _tracer)
    patches.replace(module, "get_current_span", lambda _: current_span)


def _tracer(original: Any) -> Any:
    def get_tracer(*args: Any, **kwargs: Any) -> Any:
        tracer = original(*args, **kwargs)
        if requests.current() is None and not requests.asks_itself.get():
            return tracer
        return NativeTracer(tracer)

    return get_tracer


def _call_tool(original: Any) -> Any:
    async def call_tool(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        request = requests.current()
        if request is None:
            return await original(self, name, *args, **kwargs)
        try:
            result = await original(self, name, *args, **kwargs)
        except BaseException as error:
            request.exception = error
            # It says so of what it doesn't have, before anything of a tool runs.
            if name == request.target and type(error).__name__ != "NotFoundError":
                request.learn()
            raise
        request.exception = None  # of a tool that this one called, and that it got over
        return result

    return call_tool
