"""fastmcp 3 and 4: spans of their own step aside, and tools are known by name.

fastmcp 2 makes no spans and needs nothing beside :mod:`.mcp1`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from cortex_otel.instrument import request as requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from opentelemetry.trace import Span

    from cortex_otel.instrument.patches import Patches

__all__ = ["adapt_seam", "adapt_server"]


def adapt_server(patches: Patches, module: ModuleType) -> None:
    """Hook ``fastmcp.server.server``, if it is that of fastmcp 3 or 4."""
    if patches.replace(module, "server_span", _no_second_span):
        patches.replace(module.FastMCP, "call_tool", _call_tool)


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
