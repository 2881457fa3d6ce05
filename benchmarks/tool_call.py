"""What recording adds to one MCP tool call, in memory and over stdio, with mcp 2 on both sides.

The tool does almost nothing, so this is the worst case in per cent; the work of a real tool makes
the share smaller. *Server CPU* is the CPU time of the server process per call, over all threads and
with everything flushed to disk, as reported by the server itself; *both sides* adds the client's.
*Wall* is the median of single calls and mostly noise, so it isn't judged. In memory, both sides
share a process.

The baseline for the ratios is mcp as shipped: it creates native spans through the API and discards
them, which is what a server costs without any telemetry backend.

Repeat: ``python benchmarks/tool_call.py``. All servers run at once and are called in turn.
"""

from __future__ import annotations

import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Bar, Report, Run, Table, Usage, median, paired_ratio
from _server import LABELS, make
from mcp import Client, StdioServerParameters

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_HERE = Path(__file__).parent
_BAR_PERCENT = 3.0
_WARM_UP_CALLS = 50


async def child(
    alternative: str, options: dict[str, Any]
) -> AsyncGenerator[dict[str, Any], bool | None]:
    """Blocks of ``calls`` tool calls, one after the other."""
    home, calls = options["home"], options["calls"]
    target: Any
    if options["transport"] == "memory":
        target, _ = make(alternative, home)
    else:
        command = [sys.executable, str(_HERE / "_server.py"), alternative, home]
        if alternative == "zero_code":
            launcher = Path(sysconfig.get_path("scripts")) / "opentelemetry-instrument"
            command.insert(0, str(launcher))
        target = StdioServerParameters(
            command=command[0], args=command[1:], env=harness.clean_environment(home)
        )
    async with Client(target) as client:
        for _ in range(_WARM_UP_CALLS):
            await client.call_tool("search_context", {"query": "needle", "top_k": 3})
        more = True
        while more:
            before, walls = await _server_cpu_ns(client), []
            usage = Usage()
            for _ in range(calls):
                started = time.perf_counter_ns()
                await client.call_tool("search_context", {"query": "needle", "top_k": 3})
                walls.append(time.perf_counter_ns() - started)
            own = usage.cpu_ns
            server = await _server_cpu_ns(client) - before
            # In memory the server's clock is the client's too.
            both = server if options["transport"] == "memory" else server + own
            more = yield {
                "server_us": server / calls / 1000,
                "both_us": both / calls / 1000,
                "wall_us": harness.percentile(walls, 0.5) / 1000,
            }


async def _server_cpu_ns(client: Client) -> int:
    result = await client.call_tool("cpu_ns", {})
    return int(result.content[0].text)  # type: ignore[union-attr]


def measure(run: Run) -> Report:
    """In memory and over stdio."""
    tables, bars = [], []
    for transport in ("stdio", "memory"):
        alternatives = tuple(LABELS)
        if run.quick:
            alternatives = ("as_shipped", "zero_code" if transport == "stdio" else "decorator")
        blocks, calls = (1, 20) if run.quick else (20, 100)
        found = run.interleave(alternatives, blocks, transport=transport, calls=calls)
        reference = found["as_shipped"]
        base = median(reference, "server_us")
        rows: list[list[Any]] = []
        for name in alternatives:
            ratio = paired_ratio(found[name], reference, "server_us")
            both = paired_ratio(found[name], reference, "both_us")
            rows.append(
                [
                    LABELS[name],
                    median(found[name], "server_us"),
                    (ratio - 1) * base,
                    (ratio - 1) * 100,
                    (both - 1) * 100,
                    median(found[name], "wall_us"),
                ]
            )
            if transport == "stdio" and name in ("zero_code", "decorator"):
                what = f"CPU added to a stdio call, {name.replace('_', '-')}"
                bars.append(Bar(f"{what}, of the server", (ratio - 1) * 100, _BAR_PERCENT, "%"))
                bars.append(Bar(f"{what}, of both sides", (both - 1) * 100, _BAR_PERCENT, "%"))
        title = f"{transport} ({blocks} × {calls} calls each, in turn)"
        where = "process CPU µs per call" if transport == "memory" else "server CPU µs per call"
        columns = ["", where, "added µs", "added %", "% of both sides", "wall µs (noise)"]
        tables.append(Table(title, columns, rows))
    return Report(tables, bars)


if __name__ == "__main__":
    harness.main(__doc__, measure, child)
