"""The MCP server called by the tool-call benchmark, with each kind of instrumentation.

* ``bare``: mcp's own telemetry middleware removed.
* ``as_shipped``: mcp unmodified: native spans, created through the API alone and discarded.
* ``sdk``: native spans with the SDK and no processor.
* ``naive``: native spans, SDK, BatchSpanProcessor, naive SQLite.
* ``zero_code``: no code here; ``opentelemetry-instrument`` loads our distro.
* ``decorator``: ``configure()`` and ``@instrument_tool``.

As a script, it serves on stdio: ``python _server.py ALTERNATIVE HOME``.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LABELS", "make"]

LABELS = {
    "bare": "mcp without its telemetry",
    "as_shipped": "mcp as shipped, no SDK",
    "sdk": "native spans, SDK, no processor",
    "naive": "native spans, SDK + BSP + naive SQLite",
    "zero_code": "cortex-otel, zero-code",
    "decorator": "cortex-otel, decorator",
}


def make(
    alternative: str, home: str, *, launched: bool = False
) -> tuple[MCPServer, Callable[[], Any]]:
    """The server, and what brings everything recorded to disk.

    Args:
        alternative: one of :data:`LABELS`.
        home: directory for the database.
        launched: ``opentelemetry-instrument`` has already run.
    """
    decorate: Callable[[Any], Any] = lambda function: function  # noqa: E731
    flush: Callable[[], Any] = lambda: None  # noqa: E731
    if alternative in ("zero_code", "decorator"):
        import cortex_otel  # noqa: PLC0415 - not in the other processes

        flush = lambda: cortex_otel.force_flush(60_000)  # noqa: E731
        if alternative == "decorator":
            cortex_otel.configure(service="mcp", user_id="somebody", tier="paid")
            decorate = cortex_otel.instrument_tool
        elif not launched:
            from cortex_otel.sdk.distro import CortexConfigurator  # noqa: PLC0415 - the same

            CortexConfigurator().configure()
    elif alternative in ("sdk", "naive"):
        flush = _use_sdk(alternative, home)

    server = MCPServer("bench")
    if alternative == "bare":
        server._lowlevel_server.middleware.clear()  # noqa: SLF001 - it has no public switch

    @server.tool()
    @decorate
    async def search_context(query: str, top_k: int = 5) -> list[str]:
        """Find what belongs to a query."""
        return [f"{query} {number}" for number in range(top_k)]

    @server.tool()
    async def cpu_ns() -> int:
        """CPU of this process so far, with everything recorded on disk."""
        flush()
        return time.process_time_ns()

    return server, flush


def _use_sdk(alternative: str, home: str) -> Callable[[], Any]:
    from opentelemetry import trace  # noqa: PLC0415 - not in all processes
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same

    provider = TracerProvider()
    if alternative == "naive":
        from naive import NaiveSpanExporter  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        provider.add_span_processor(BatchSpanProcessor(NaiveSpanExporter(f"{home}/naive.db")))
    trace.set_tracer_provider(provider)
    return lambda: provider.force_flush(60_000)


if __name__ == "__main__":
    made, _ = make(sys.argv[1], sys.argv[2], launched=True)
    made.run("stdio")
