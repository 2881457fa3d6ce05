"""What fastmcp adds: tools are known by name, and spans of fastmcp 3 and 4 step aside."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from cortex_otel.instrument import request as requests
from cortex_otel.instrument.stacks.mcp1_session import adapt_session
from cortex_otel.instrument.stacks.tools import call_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from opentelemetry.trace import Span

    from cortex_otel.instrument.patches import Patches

__all__ = ["adapt_low_level", "adapt_server"]


def adapt_server(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.server``."""
    if patches.replace(module, "server_span", _no_second_span):
        patches.replace(module.FastMCP, "call_tool", call_by_name)
    else:  # fastmcp 2, where nothing of it is meant for programs
        patches.replace(module.FastMCP, "_call_tool_middleware", call_by_name)


def adapt_low_level(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.low_level``: its seam in fastmcp 4, its sessions before."""
    adapt_seam(patches, module)
    adapt_session(patches, module)


def adapt_seam(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.low_level`` of fastmcp 4."""
    patches.replace(module, "seam_span", _no_second_span)


def _no_second_span(original: Any) -> Any:
    @contextlib.contextmanager
    def span(*args: Any, **kwargs: Any) -> Iterator[Span]:
        if requests.current() is not None or requests.asks_itself.get():
            yield trace.get_current_span()
            return
        with original(*args, **kwargs) as made:
            yield made

    return span
