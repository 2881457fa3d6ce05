"""What the wire hook adds to one undecorated tool call, compared with other ways to record it.

On mcp 2 it is compared with the SDK's native spans; on mcp 1, which has none, with Traceloop. Both
alternatives use the stock SDK, a BatchSpanProcessor and the naive SQLite exporter, so that they
record, too. The baseline is the unmodified library. *Server CPU* is the CPU time of the server
process per call, over all threads and with everything flushed to disk, as reported by the server
itself. Requests are written directly to its stdin, so that no client library is involved. The
environments for both versions are created on the fly from the package registry.

Repeat: ``python benchmarks/wire_hook.py``. All servers run at once and are called in turn.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Report, Run, Table, median, paired_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
_LABELS = {
    "bare": "unmodified",
    "native": "native spans + SDK + BSP + naive SQLite",
    "traceloop": "Traceloop + SDK + BSP + naive SQLite",
    "hook": "cortex-otel, wire hook",
}
_STACKS = {
    "mcp 2.3.0": (["mcp==2.3.0"], ("bare", "native", "hook")),
    "mcp 1.30.0": (
        ["mcp==1.30.0", "opentelemetry-instrumentation-mcp"],
        ("bare", "traceloop", "hook"),
    ),
}
_HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "1"},
}
_WARM_UP_CALLS = 50


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Blocks of ``calls`` tool calls, one after the other."""
    home, calls = options["home"], options["calls"]
    with subprocess.Popen(
        [options["python"], str(_HERE / "_wire_server.py"), alternative, home],
        env=harness.clean_environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=home,
    ) as server:
        _ask(server, "initialize", _HELLO)
        _send(server, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        _ask(server, "tools/list", {})
        _call_many(server, _WARM_UP_CALLS)
        while True:  # the parent ends this process, which ends the server
            before = _cpu_ns(server)
            _call_many(server, calls)
            yield {"server_us": (_cpu_ns(server) - before) / calls / 1000}


def _call_many(server: subprocess.Popen[bytes], calls: int) -> None:
    arguments = {"query": "needle", "top_k": 3}
    for _ in range(calls):
        _ask(server, "tools/call", {"name": "search_context", "arguments": arguments})


def _cpu_ns(server: subprocess.Popen[bytes]) -> int:
    answer = _ask(server, "tools/call", {"name": "cpu_ns", "arguments": {}})
    return int(answer["result"]["content"][0]["text"])


def _ask(server: subprocess.Popen[bytes], method: str, params: dict[str, Any]) -> Any:
    _send(server, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return json.loads(server.stdout.readline())  # type: ignore[union-attr]


def _send(server: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    server.stdin.write(json.dumps(message).encode() + b"\n")  # type: ignore[union-attr]
    server.stdin.flush()  # type: ignore[union-attr]


def measure(run: Run) -> Report:
    """Each stack in an environment of its own."""
    tables = []
    blocks, calls = (1, 20) if run.quick else (20, 100)
    for stack, (packages, names) in _STACKS.items():
        python = sys.executable
        if run.quick:  # a smoke run creates no environments; the current one has mcp 2
            if "mcp 2" not in stack:
                continue
        else:
            python = _environment(run.homes / stack.replace(" ", "-"), packages)
        found = run.interleave(names, blocks, python=python, calls=calls)
        base = median(found["bare"], "server_us")
        rows: list[list[Any]] = []
        for name in names:
            ratio = paired_ratio(found[name], found["bare"], "server_us")
            rows.append(
                [
                    _LABELS[name],
                    median(found[name], "server_us"),
                    (ratio - 1) * base,
                    (ratio - 1) * 100,
                ]
            )
        columns = ["", "server CPU µs per call", "added µs", "added %"]
        tables.append(Table(f"{stack} ({blocks} × {calls} calls each, in turn)", columns, rows))
    return Report(tables)


def _environment(home: Path, packages: list[str]) -> str:
    python = home / "bin" / "python"
    uv = [str(Path(sys.executable).with_name("uv"))]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python),
         *packages, str(_HERE.parent)],
        check=True,
    )  # fmt: skip
    return str(python)


if __name__ == "__main__":
    harness.main(__doc__, measure, child)
