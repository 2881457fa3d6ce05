"""How a benchmark's result is printed: machine and versions, tables, bars."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Cell", "environment", "environment_line", "render", "show", "show_bar"]

Cell = str | int | float | None


def environment() -> dict[str, str | int]:
    """Machine and versions."""
    import apsw  # noqa: PLC0415 - not in children

    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {
        "python": platform.python_version(),
        "sdk": metadata.version("opentelemetry-sdk"),
        "mcp": metadata.version("mcp"),
        "apsw_sqlite": apsw.sqlite_lib_version(),
        "stdlib_sqlite": __import__("sqlite3").sqlite_version,
        "cores": os.cpu_count() or 0,
        "cpu": cpu,
        "system": f"{platform.system()} {platform.release()}",
        "load_1min": f"{os.getloadavg()[0]:.1f}",
    }


def environment_line(facts: Mapping[str, Any]) -> str:
    """The same in one line."""
    return (
        f"Python {facts['python']}, SDK {facts['sdk']}, mcp {facts['mcp']}, SQLite "
        f"{facts['apsw_sqlite']} (APSW) and {facts['stdlib_sqlite']} (stdlib), "
        f"{facts['cores']} × {facts['cpu']}, {facts['system']}, "
        f"load {facts['load_1min']} at the end"
    )


def show(cell: Cell) -> str:
    """A cell as text, with three significant digits."""
    match cell:
        case None:
            return "–"
        case int():
            return f"{cell:,}"
        case float():
            digits = 0 if abs(cell) >= 100 else 1 if abs(cell) >= 10 else 2
            return f"{cell:,.{digits}f}"
    return str(cell)


def show_bar(bar: Mapping[str, Any]) -> tuple[str, str, str]:
    """What, measured and limit, and the verdict."""
    sign = "≥" if bar["at_least"] else "≤"
    return (
        bar["what"],
        f"{show(bar['measured'])} {bar['unit']} (target: {sign} {show(bar['limit'])})",
        "met" if bar["met"] else "NOT MET",
    )


def render(result: Mapping[str, Any]) -> str:
    """A report for the terminal."""
    lines = [f"{result['name']}  {result['date']}", environment_line(result["environment"])]
    if result["quick"]:
        lines.append("--quick: a smoke run, not a measurement")
    for table in result["tables"]:
        cells = [table["columns"], *([show(cell) for cell in row] for row in table["rows"])]
        widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
        lines += ["", table["title"]]
        for row in cells:
            aligned = [
                text.ljust(width) if column == 0 else text.rjust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  " + "  ".join(aligned).rstrip())
        if table["note"]:
            lines.append(f"  {table['note']}")
    if result["bars"]:
        lines.append("")
        lines += [
            f"{verdict:8}{what}: {text}" for what, text, verdict in map(show_bar, result["bars"])
        ]
    lines.append(f"\n{result['seconds']} s")
    return "\n".join(lines)
