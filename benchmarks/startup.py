"""What recording adds to the start-up of a server: CPU milliseconds and resident memory.

Each row is a fresh interpreter that does one thing more than the row before it, and then exits. CPU
covers the whole process and its exit (``wait4``); memory is what is resident at its last line.

* "The SDK" stands for a server that already uses it: tracer, meter and logger provider, as its own
  automatic configuration creates them. (With only the tracer provider, the SDK is smaller and
  cortex-otel adds more: the second pair of targets.)
* The last block is the launcher: ``opentelemetry-instrument`` with its default distro (which does
  nothing; our entry points are disabled) and a script that sets up the SDK, compared with the same
  launcher using our distro.

Repeat: ``python benchmarks/startup.py``. Bytecode is compiled before the first measured round.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import _harness as harness
from _harness import Bar, Report, Run, Table, median

_BAR_MS, _BAR_MB = 150.0, 15.0

_TRACES = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
_SDK = (
    _TRACES
    + """
from opentelemetry import metrics, _logs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk._logs import LoggerProvider
metrics.set_meter_provider(MeterProvider())
_logs.set_logger_provider(LoggerProvider())
"""
)
_CONFIGURE = """
import cortex_otel
cortex_otel.configure(service="mcp")
"""
_EVENT = """
from opentelemetry import trace
trace.get_tracer("bench").start_span("x").end()
"""
_STORED = (
    _EVENT
    + """
import cortex_otel
assert cortex_otel.force_flush(10_000)
"""
)
_MCP = "from mcp.server.mcpserver import MCPServer\nMCPServer('bench')\n"

#: name → (what it is, program, launched how)
_ROWS: dict[str, tuple[str, str, str]] = {
    "python": ("Python", "", ""),
    "traces": ("+ SDK, tracer provider alone", _TRACES, ""),
    "sdk": ("+ SDK, three providers", _SDK, ""),
    "configure": ("+ cortex_otel.configure()", _SDK + _CONFIGURE, ""),
    "traces_configure": ("  the same over the tracer provider alone", _TRACES + _CONFIGURE, ""),
    "alone_configure": ("  the same with no SDK set up", _CONFIGURE, ""),
    "event": ("+ first event, on disk", _SDK + _CONFIGURE + _STORED, ""),
    "traces_event": (
        "  the same over the tracer provider alone",
        _TRACES + _CONFIGURE + _STORED,
        "",
    ),
    "mcp": ("mcp server + SDK, three providers", _MCP + _SDK, ""),
    "mcp_event": ("  + configure + first event", _MCP + _SDK + _CONFIGURE + _STORED, ""),
    "stock": ("stock launcher + SDK set up in code", _SDK, "stock"),
    "stock_event": ("  + first event (discarded)", _SDK + _EVENT, "stock"),
    "zero": ("launcher with cortex-otel", "", "ours"),
    "zero_event": ("  + first event, on disk", _STORED, "ours"),
}
_MEMORY = """
import json
print(json.dumps({line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6
    for line in open("/proc/self/status") if line.startswith(("VmRSS", "VmHWM"))}))
"""
_STOCK = {
    "OTEL_PYTHON_DISTRO": "none",
    "OTEL_PYTHON_CONFIGURATOR": "none",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
}


def _start(name: str, homes: Path) -> dict[str, Any]:
    _, program, launcher = _ROWS[name]
    home = tempfile.mkdtemp(dir=homes)
    environment = harness.clean_environment(home)
    command = [sys.executable, "-c", program + _MEMORY]
    if launcher:
        command.insert(0, str(Path(sysconfig.get_path("scripts")) / "opentelemetry-instrument"))
    if launcher == "stock":
        environment |= _STOCK
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{name} failed:\n{process.stderr.read().decode()}")
    sizes = json.loads(output.splitlines()[-1])
    return {
        "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1000,
        "rss_mb": sizes["VmRSS"],
        "peak_mb": sizes["VmHWM"],
    }


def measure(run: Run) -> Report:
    """Every row in turn, several rounds."""
    rounds = 1 if run.quick else 15
    names = [name for name in _ROWS if not (run.quick and name.startswith("mcp"))]
    if not run.quick:
        for name in names:
            _start(name, run.homes)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(_start(name, run.homes))

    def added(name: str, base: str, key: str) -> float:
        return median(found[name], key) - median(found[base], key)

    bases = {
        "configure": "sdk", "traces_configure": "traces", "event": "sdk", "traces_event": "traces",
        "mcp_event": "mcp", "zero": "stock", "zero_event": "stock_event",
    }  # fmt: skip
    rows: list[list[Any]] = []
    for name in names:
        base = bases.get(name)
        rows.append(
            [
                _ROWS[name][0],
                median(found[name], "cpu_ms"),
                median(found[name], "rss_mb"),
                added(name, base, "cpu_ms") if base else None,
                added(name, base, "rss_mb") if base else None,
            ]
        )
    columns = ["", "CPU ms", "RSS MB", "added ms", "added MB"]
    bars = []
    for name, over in (
        ("event", "the SDK"), ("traces_event", "the tracer provider alone"),
        ("mcp_event", "an mcp server with the SDK"),
        ("zero_event", "the stock launcher with the SDK"),
    ):  # fmt: skip
        if name in found:
            base = bases[name]
            ms, mb = added(name, base, "cpu_ms"), added(name, base, "rss_mb")
            bars.append(Bar(f"start-up CPU above {over}, first event stored", ms, _BAR_MS, "ms"))
            bars.append(Bar(f"memory above {over}, first event stored", mb, _BAR_MB, "MB"))
    return Report([Table(f"fresh interpreters ({rounds} times each)", columns, rows)], bars)


if __name__ == "__main__":
    harness.main(__doc__, measure)
