"""The hosts being compared: one process with a tracer, and what happens to its spans.

* ``none``: no span at all; the cost of the loop itself.
* ``bare``: the SDK's tracer provider without a processor.
* ``naive``: the SDK's BatchSpanProcessor with its defaults, exporting to :mod:`naive`.
* ``naive_big``: the same with a queue large enough to hold everything, so that nothing is dropped.
* ``ours``: :func:`cortex_otel.configure`, with the lean span.
* ``stock``: the same with the SDK's own span (``CORTEX_OTEL_SPAN=sdk``).
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LABELS", "Host"]

LABELS = {
    "none": "no span",
    "bare": "bare SDK, no processor",
    "naive": "SDK + BatchSpanProcessor + naive SQLite",
    "naive_big": "SDK + BatchSpanProcessor (big queue) + naive SQLite",
    "stock": "cortex-otel, stock span",
    "ours": "cortex-otel, lean span",
}
_TOOLS = tuple(f"tool_{number}" for number in range(8))


class Host:
    """A process that makes events.

    Args:
        alternative: one of :data:`LABELS`.
        home: directory for the database.
    """

    def __init__(self, alternative: str, home: str) -> None:
        self.alternative = alternative
        self.tracer: Any = None
        self._provider: Any = None
        self._path = Path(home) / "naive.db"
        self.is_ours = alternative in ("ours", "stock")
        if self.is_ours:
            import cortex_otel  # noqa: PLC0415 - not in the other processes

            span = "sdk" if alternative == "stock" else "lean"
            cortex_otel.configure(service="mcp", user_id="somebody", tier="paid", span=span)
            self._path = Path(home) / "cortex.db"
            self.tracer = trace.get_tracer("bench")
        elif alternative != "none":
            self._use_sdk(big=alternative == "naive_big")

    def _use_sdk(self, *, big: bool) -> None:
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - not in all processes

        self._provider = TracerProvider()
        if self.alternative.startswith("naive"):
            from naive import NaiveSpanExporter  # noqa: PLC0415 - the same
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

            exporter = NaiveSpanExporter(self._path)
            size = 1_000_000 if big else None
            self._provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=size))
        trace.set_tracer_provider(self._provider)
        self.tracer = trace.get_tracer("bench")

    def span_emitter(self) -> Callable[[], None]:
        """A function that makes one span of a tool call, with eight attributes."""
        tracer, tools = self.tracer, itertools.cycle(_TOOLS)
        if tracer is None:
            return lambda: None

        def emit() -> None:
            tool = next(tools)
            span = tracer.start_span(
                f"tools/call {tool}",
                kind=SpanKind.SERVER,
                attributes={
                    "mcp.method.name": "tools/call",
                    "gen_ai.tool.name": tool,
                    "gen_ai.operation.name": "execute_tool",
                    "network.transport": "pipe",
                    "jsonrpc.request.id": "17",
                    "cortex.event.type": "mcp.tool_call",
                    "cortex.service": "mcp",
                    "cortex.tool.parameters": "query:str,top_k:int",
                },
            )
            span.end()

        return emit

    def call_emitter(self) -> Callable[[], Any]:
        """A function that calls a tool: plain, hand-instrumented, or with our decorator."""

        def search_context(query: str, top_k: int = 5) -> int:
            return len(query) + top_k

        tool: Any = search_context
        if self.is_ours:
            import cortex_otel  # noqa: PLC0415 - not in the other processes

            tool = cortex_otel.instrument_tool(search_context)
        elif self.tracer is not None:
            tool = _instrumented_by_hand(self.tracer, search_context)
        return functools.partial(tool, "needle", top_k=3)

    def flush(self) -> float:
        """Wait until everything is on disk; seconds it took."""
        started = time.perf_counter()
        if self.is_ours:
            import cortex_otel  # noqa: PLC0415 - not in the other processes

            if not cortex_otel.force_flush(120_000):
                raise SystemExit("force_flush() did not finish within two minutes")
        elif self._provider is not None:
            self._provider.force_flush(120_000)
        return time.perf_counter() - started

    def stored(self) -> int:
        """Events in the database."""
        if self.alternative in ("none", "bare"):
            return 0
        table = "events" if self.is_ours else "telemetry_events"
        connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)
        try:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        finally:
            connection.close()

    def ledger(self) -> dict[str, int]:
        """Ours: received, stored, sampled_out and dropped events by the ledger."""
        connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)
        try:
            rows = connection.execute(
                "SELECT outcome, sum(records) FROM ledger WHERE signal = 'event' GROUP BY outcome"
            )
            return {str(outcome): int(records) for outcome, records in rows}
        finally:
            connection.close()


def _instrumented_by_hand(tracer: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """What one writes by hand: a current span and its attributes; no metric, no redaction."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        attributes = {
            "mcp.method.name": "tools/call",
            "gen_ai.tool.name": function.__name__,
            "gen_ai.operation.name": "execute_tool",
            "cortex.event.type": "mcp.tool_call",
            "cortex.service": "mcp",
            "cortex.user.tier": "paid",
            "cortex.tool.parameters": "query:str,top_k:int",
        }
        name = f"tools/call {function.__name__}"
        with tracer.start_as_current_span(name, kind=SpanKind.SERVER, attributes=attributes):
            return function(*args, **kwargs)

    return call
