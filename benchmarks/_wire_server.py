"""An MCP server on mcp 1 or 2 for the wire-hook benchmark, with or without instrumentation.

``python _wire_server.py ALTERNATIVE HOME`` serves on stdio. It runs in another environment, so it
imports nothing from this project except what is being measured.
"""

from __future__ import annotations

import sys
import time

ALTERNATIVE, HOME = sys.argv[1:3]

flush = lambda: None  # noqa: E731
if ALTERNATIVE == "hook":
    import cortex_otel

    cortex_otel.configure(service="mcp", user_id="somebody", tier="paid")
    flush = lambda: cortex_otel.force_flush(60_000)  # noqa: E731
elif ALTERNATIVE in ("native", "traceloop"):
    from naive import NaiveSpanExporter
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(NaiveSpanExporter(f"{HOME}/naive.db")))
    trace.set_tracer_provider(provider)
    flush = lambda: provider.force_flush(60_000)  # noqa: E731
    if ALTERNATIVE == "traceloop":
        from opentelemetry.instrumentation.mcp import McpInstrumentor

        McpInstrumentor().instrument()

try:
    from mcp.server.mcpserver import MCPServer as Server
except ModuleNotFoundError:
    from mcp.server.fastmcp import FastMCP as Server

server = Server("bench")


@server.tool()
async def search_context(query: str, top_k: int = 5) -> list[str]:
    """Find what belongs to a query."""
    return [f"{query} {number}" for number in range(top_k)]


@server.tool()
async def cpu_ns() -> int:
    """CPU of this process so far, with everything recorded on disk."""
    flush()
    return time.process_time_ns()


server.run("stdio")
