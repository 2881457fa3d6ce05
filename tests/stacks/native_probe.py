"""A server of an MCP library with spans of its own, with us beside it or alone. See test_native."""
# ruff: noqa: T201 - the report

import asyncio
import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

with_us = sys.argv[1] == "with"
exporter = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
if with_us:
    import cortex_otel

    cortex_otel.configure()
try:
    from fastmcp import Client, FastMCP
except ImportError:
    from mcp.client import Client
    from mcp.server.mcpserver import MCPServer as FastMCP

server, mounted = FastMCP("outer"), FastMCP("mounted")


def echo(message: str) -> str:
    with trace.get_tracer("user").start_as_current_span("the user's") as span:
        span.set_attribute("mine", 1)
    return message


def crash(message: str) -> str:
    raise RuntimeError(f"planted-{message}")


for one in (server, mounted):
    one.tool()(echo)
    one.tool()(crash)
if hasattr(server, "mount"):
    server.mount(mounted, "sub")


async def main():
    async with Client(server) as client:
        for tool in ("echo", "crash", "planted-name", "sub_echo"):
            with contextlib.suppress(Exception):
                await client.call_tool(tool, {"message": "secret"})
        with contextlib.suppress(Exception):
            await client.read_resource("planted://nothing")


asyncio.run(main())
spans = [
    {
        "name": span.name,
        "kind": span.kind.name,
        "attributes": dict(span.attributes),
        "status": [span.status.status_code.name, span.status.description],
        "events": [event.attributes["exception.message"] for event in span.events],
        "scope": span.instrumentation_scope.name,
    }
    for span in exporter.get_finished_spans()
]
rows = []
if with_us:
    cortex_otel.shutdown(10_000)
    database = Path(os.environ["CORTEX_OTEL_HOME"], "cortex.db")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT name, event_type, kind, tool_name, result, scope FROM telemetry_events "
            "WHERE kind != 'client' ORDER BY timestamp"
        ).fetchall()
print(json.dumps({"spans": spans, "rows": rows}))
