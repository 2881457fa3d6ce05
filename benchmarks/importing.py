"""A log of Cortex's, imported: lines a CPU second, beside a loop of ``json.loads`` and ``INSERT``.

The loop puts a few fields of each line into one table with five indexes, 1,000 rows a transaction:
no redaction, no roll-ups, no sessions, and a second run imports everything again. *Again* is the
second run of the same command over the same file, which finds that nothing is new. Peak memory is
of the whole process; it doesn't grow with the file.

Repeat: ``python benchmarks/importing.py``.
"""

from __future__ import annotations

import json
import os
import random
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
import naive
from _harness import Report, Run, Table, median, memory

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALTERNATIVES = ("naive", "ours")
_LABELS = {"naive": "json.loads and INSERT", "ours": "cortex-otel import"}
_START_S = 1_740_823_200
_TRANSACTION = 1000


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One import, and for ours the same once more."""
    home = Path(options["home"])
    file = home / "calls.jsonl"
    _write(file, options["lines"])
    do = _naive if alternative == "naive" else _ours
    first = _cpu_s(do, home, file)
    peak_mb = memory()["peak_mb"]
    yield {
        "lines_per_s": options["lines"] / first,
        "again_per_s": options["lines"] / _cpu_s(do, home, file) if do is _ours else 0.0,
        "peak_mb": peak_mb,
    }


def _write(file: Path, lines: int) -> None:
    chance = random.Random(1)
    with file.open("w", encoding="utf-8") as out:
        for number in range(lines):
            at = datetime.fromtimestamp(_START_S + number + chance.random(), UTC)
            line = {
                "timestamp": at.isoformat(), "event_type": "tool_call",
                "tool_name": f"tool_{chance.randrange(20)}", "success": chance.random() > 0.05,
                "duration_ms": round(chance.random() * 100, 2),
                "user_id": f"user-{chance.randrange(200)}", "session_id": f"session-{number // 40}",
                "data": {"query": f"the thing number {number}", "top_k": chance.randrange(20)},
            }  # fmt: skip
            out.write(f"{json.dumps(line)}\n")


def _cpu_s(do: Any, home: Path, file: Path) -> float:
    before = time.process_time()
    do(home, file)
    return time.process_time() - before


def _ours(home: Path, file: Path) -> None:
    os.environ["CORTEX_OTEL_HOME"] = str(home)
    from contextlib import redirect_stdout  # noqa: PLC0415 - in the child alone

    from cortex_otel.cli import main  # noqa: PLC0415 - the same

    with (home / "report.json").open("w", encoding="utf-8") as report, redirect_stdout(report):
        assert main(["import", str(file), "--json"]) == 0


def _naive(home: Path, file: Path) -> None:
    connection = naive.connect(home / "naive.db")
    with file.open(encoding="utf-8") as lines:
        while batch := list(islice(lines, _TRANSACTION)):
            naive.insert(connection, map(_row, batch))
    connection.close()


def _row(text: str) -> naive.Row:
    line = json.loads(text)
    return (
        line["timestamp"], "mcp", line["event_type"], line["event_type"], "free", line["user_id"],
        line["session_id"], "success" if line["success"] else "error", line["duration_ms"], None,
        None, None, None, line["tool_name"], json.dumps(line["data"]), None, None, None,
    )  # fmt: skip


def measure(run: Run) -> Report:
    """Both, one after the other, several times."""
    blocks, lines = (1, 2000) if run.quick else (3, 100_000)
    found = run.interleave(_ALTERNATIVES, blocks, fresh=True, lines=lines)
    loop = median(found["naive"], "lines_per_s")
    rows: list[list[Any]] = [
        [
            _LABELS[name], lines, median(found[name], "lines_per_s"),
            median(found[name], "lines_per_s") / loop,
            median(found[name], "again_per_s") or None, median(found[name], "peak_mb"),
        ]
        for name in _ALTERNATIVES
    ]  # fmt: skip
    columns = ["", "lines", "a CPU s", "× the loop", "again, a CPU s", "peak MB"]
    return Report([Table("import", columns, rows)])


if __name__ == "__main__":
    harness.main(__doc__, measure, child)
