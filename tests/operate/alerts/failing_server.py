"""An MCP server over stdio with one tool, which fails as it is asked to."""

from __future__ import annotations

import logging
import time

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:  # mcp 1
    from mcp.server.fastmcp import FastMCP as MCPServer

import cortex_otel

cortex_otel.configure(service="mcp")
# What the library writes of each failure costs more than the call.
logging.disable(logging.CRITICAL)
mcp = MCPServer("failing-server")


@mcp.tool()
@cortex_otel.instrument_tool
def search_context(query: str, *, fails: bool = True, seconds: float = 0.0) -> str:
    time.sleep(seconds)
    if fails:
        raise LookupError(f"nothing of {query}")
    return query


mcp.run()
