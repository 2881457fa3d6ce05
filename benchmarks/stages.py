"""Where the time of one event goes: each stage of the write path by itself, in CPU microseconds.

One thread, hot, nothing else in the process: the span (started and ended, no processor), its row
(identity, redaction, dimensions), the queue, and the writer's share of a transaction of 10, 100,
512 and 2,048 rows (rows, INSERTs, sessions, roll-ups, ledger, commit). The SDK's own span stands
beside ours. In a host whose caches are cold, or at one event a wake-up, each takes two or three
times as long.

Repeat: ``python benchmarks/stages.py``.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Report, Run, Table, median

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TRANSACTIONS = (10, 100, 512, 2048)
_TOOLS = tuple(f"tool_{number}" for number in range(8))


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Blocks of all stages."""
    del alternative
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same

    import cortex_otel  # noqa: PLC0415 - in the child alone
    from cortex_otel.process.from_sdk import span_data  # noqa: PLC0415 - the same
    from cortex_otel.sdk import configure  # noqa: PLC0415 - the same
    from cortex_otel.span.provider import LeanTracerProvider  # noqa: PLC0415 - the same
    from cortex_otel_exporters.sqlite.batch import BatchWriter  # noqa: PLC0415 - the same
    from cortex_otel_exporters.sqlite.files import open_for_writing  # noqa: PLC0415 - the same

    cortex_otel.configure(service="mcp", user_id="somebody", tier="paid", queue_size=1_000_000)
    pipeline = configure.pipeline()
    assert pipeline is not None
    stock = TracerProvider(shutdown_on_exit=False).get_tracer("bench")
    lean = LeanTracerProvider(shutdown_on_exit=False).get_tracer("bench")
    tools = itertools.cycle(_TOOLS)
    span = _span(lean, next(tools))
    record = pipeline.converter.span(span_data(span))
    batches = {
        size: BatchWriter(open_for_writing(Path(options["home"]) / f"{size}.db"))
        for size in _TRANSACTIONS
    }
    times = options["times"]
    while True:
        found = {
            "span, the SDK's own": _cpu(lambda: _span(stock, next(tools)), times),
            "span, lean": _cpu(lambda: _span(lean, next(tools)), times),
            "row": _cpu(lambda: pipeline.converter.span(span_data(span)), times),
            "queue": _cpu(lambda: pipeline.writer.submit(record), times),
        }
        pipeline.writer.force_flush(60_000)
        for size, batch in batches.items():
            rows = [
                pipeline.converter.span(span_data(_span(lean, next(tools)))) for _ in range(size)
            ]
            spent = _cpu(lambda batch=batch, rows=rows: batch.write(rows, [], Counter()), 1)
            found[f"transaction of {size:,}, a row"] = spent / size
        yield found


def _span(tracer: Any, tool: str) -> Any:
    span = tracer.start_span(
        f"tools/call {tool}",
        attributes={
            "mcp.method.name": "tools/call", "gen_ai.tool.name": tool,
            "gen_ai.operation.name": "execute_tool", "network.transport": "pipe",
            "jsonrpc.request.id": "17", "cortex.event.type": "mcp.tool_call",
            "cortex.service": "mcp", "cortex.tool.parameters": "query:str,top_k:int",
        },
    )  # fmt: skip
    span.end()
    return span


def _cpu(do: Callable[[], Any], times: int) -> float:
    """CPU microseconds of this thread for each of ``times`` calls."""
    started = time.thread_time_ns()
    for _ in range(times):
        do()
    return (time.thread_time_ns() - started) / times / 1000


def measure(run: Run) -> Report:
    """All stages, one after the other in one process."""
    blocks, times = (2, 50) if run.quick else (20, 3000)
    found = run.interleave(("ours",), blocks, times=times)["ours"]
    span = median(found, "span, the SDK's own")
    rows: list[list[Any]] = [
        [stage, median(found, stage), median(found, stage) / span] for stage in found[0]
    ]
    return Report([Table("one event", ["", "CPU µs", "× the SDK's span"], rows)])


if __name__ == "__main__":
    harness.main(__doc__, measure, child)
