"""Adapter of fastmcp: tools are called by name, and its own spans (3 and 4) merge into ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cortex_otel.instrument import request as requests
from cortex_otel.instrument.native_spans import NativeTracer, current_span
from cortex_otel.instrument.stacks.mcp1_session import adapt_session
from cortex_otel.instrument.stacks.tools import call_by_name

if TYPE_CHECKING:
    from types import ModuleType

    from cortex_otel.instrument.patches import Patches

__all__ = ["adapt_low_level", "adapt_server", "adapt_telemetry"]


def adapt_server(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.server``."""
    if hasattr(module, "server_span"):
        patches.replace(module.FastMCP, "call_tool", call_by_name)
    else:  # fastmcp 2, where it is private
        patches.replace(module.FastMCP, "_call_tool_middleware", call_by_name)


def adapt_low_level(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.low_level``, which has sessions of its own before fastmcp 4."""
    adapt_session(patches, module)


def adapt_telemetry(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.telemetry``: its spans of requests are replaced by ours."""
    patches.replace(module, "get_tracer", _tracer)
    patches.replace(module, "get_current_span", lambda _: current_span)


def _tracer(original: Any) -> Any:
    def get_tracer(*args: Any, **kwargs: Any) -> Any:
        tracer = original(*args, **kwargs)
        if requests.current() is None and not requests.is_internal_query.get():
            return tracer
        return NativeTracer(tracer)

    return get_tracer
