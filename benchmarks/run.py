"""Run the benchmarks and store their results.

``python benchmarks/run.py`` runs all of them, one after the other (about 35 minutes; use an
otherwise idle machine), stores each report in ``benchmarks/results.json`` and writes
``docs/performance.md`` from that file. ``run.py NAME …`` runs some and keeps the others' results.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import report
from _printing import render

__all__ = ["NAMES", "RESULTS"]

NAMES = (
    "write_path", "stages", "tool_call", "wire_hook", "sustained", "burst", "startup", "writers",
    "disk", "retention", "questions", "analysis", "pages", "host_latency", "receiver",
    "alert_latency", "importing",
)  # fmt: skip
_HERE = Path(__file__).parent
RESULTS = _HERE / "results.json"


def main() -> int:
    """Run what the command line names; 1 if a benchmark failed, whatever its bars."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="smoke runs; stores nothing")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {min(unknown)!r}; there are {', '.join(NAMES)}")
    failed = False
    for name in chosen.names or NAMES:
        command = [sys.executable, str(_HERE / f"{name}.py"), "--json"]
        if chosen.quick:
            command.append("--quick")
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{name} failed with {done.returncode}", file=sys.stderr)
            failed = True
            continue
        result = json.loads(done.stdout)
        print(render(result), end="\n\n", flush=True)
        if not chosen.quick:
            _keep(result)
    return int(failed)


def _keep(result: dict[str, object]) -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results[str(result["name"])] = result
    ordered = {name: results[name] for name in NAMES if name in results}
    RESULTS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    report.PAGE.write_text(report.page(ordered), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
