"""An MCP server on stdio with one tool, which fails as it is asked to: for ``alert_latency.py``."""

from __future__ import annotations

import logging

from mcp.server.mcpserver import MCPServer

import cortex_otel

__all__: list[str] = []

cortex_otel.configure(service="mcp")
# What the library writes of each failure costs more than the call.
logging.disable(logging.CRITICAL)
_server = MCPServer("failing-server")


@_server.tool()
@cortex_otel.instrument_tool
def search_context(query: str, *, fails: bool = True) -> str:
    """Find nothing."""
    if fails:
        raise LookupError(query)
    return query


_server.run()
