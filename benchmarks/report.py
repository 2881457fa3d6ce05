"""Write ``docs/performance.md`` from ``benchmarks/results.json``; no number is typed by hand.

``python benchmarks/report.py`` writes it; ``--check`` fails if the page doesn't match the results.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _printing import environment_line, show, show_bar

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAGE", "page"]

_HERE = Path(__file__).parent
PAGE = _HERE.parent / "docs" / "performance.md"

_HEAD = """# Performance

<!-- Written by benchmarks/report.py from benchmarks/results.json. Do not edit. -->

What recording costs, compared with named alternatives that are measured in turn with it (A B C,
A B C …), each in its own process. A machine varies by a third from run to run, so **only compare
ratios, and only within a table; absolute numbers of different tables or machines aren't
comparable.** Tables show medians.

To repeat everything, run `make bench` (or `python benchmarks/run.py`) on an otherwise idle machine.
To repeat one benchmark, run `python benchmarks/run.py NAME`, or the script itself, which accepts
`--quick` and `--json`. The alternative called *naive* is `benchmarks/naive.py`: the SDK's
BatchSpanProcessor and a single table of text columns with five indexes, as one writes it in an
afternoon, without redaction, roll-ups or a ledger.
"""


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as Markdown."""
    parts = [_HEAD, "## Targets\n", _bars(results)]
    for name, result in results.items():
        parts.append(_section(name, result))
    return "\n".join(parts)


def _bars(results: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| what | measured | result | benchmark |", "|---|---|---|---|"]
    for name, result in results.items():
        for bar in result["bars"]:
            what, text, verdict = show_bar(bar)
            shown = verdict if bar["met"] else f"**{verdict}**"
            lines.append(f"| {what} | {text} | {shown} | [{name}](#{name}) |")
    return "\n".join(lines) + "\n"


def _section(name: str, result: Mapping[str, Any]) -> str:
    about = result["about"].replace("``", "`")
    made_on = f"*{result['date']}; {environment_line(result['environment'])}.*"
    lines = [f"## {name}\n", about, "", made_on]
    if result["quick"]:
        lines.append("\n**A smoke run, not a measurement.**")
    for table in result["tables"]:
        lines += ["", f"**{table['title']}**", ""]
        lines.append("| " + " | ".join(table["columns"]) + " |")
        lines.append("|---" + "|--:" * (len(table["columns"]) - 1) + "|")
        lines += ["| " + " | ".join(map(show, row)) + " |" for row in table["rows"]]
        if table["note"]:
            lines += ["", table["note"]]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the page."""
    results = json.loads((_HERE / "results.json").read_text(encoding="utf-8"))
    made = page(results)
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text(encoding="utf-8") == made:
            return 0
        print(f"{PAGE} is out of date; run: python benchmarks/report.py", file=sys.stderr)
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
