"""One, two and four processes writing to the same file: throughput, losses and commit times.

Rows go directly to ``Writer.submit`` (no span), so this measures the limit of the store. Each
process waits while its queue is nearly full, which a real host wouldn't, so that the rate is what
disk and lock allow, and any loss would be the store's fault. *Paced* is 1,000 events per second
from each process. A commit is one transaction of at most 512 rows with roll-ups, sessions and
ledger, including the wait for other writers. The naive alternative writes the same rows to its
single table with the standard library, 512 per transaction, one transaction after the other.

Repeat: ``python benchmarks/writers.py``. On two cores, four writers share them.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
from _harness import Bar, Report, Run, Table, median, percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cortex_otel_exporters.record import Record

_RATE = 1000


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One block: ``writers`` processes at once, then a count of the rows."""
    context = multiprocessing.get_context("fork")
    path, writers = Path(options["home"]) / "cortex.db", options["writers"]
    write = _write_naive if alternative == "naive" else _write_ours
    barrier, answers = context.Barrier(writers + 1, timeout=300), context.Queue()
    processes = [
        context.Process(target=write, args=(path, number, options, barrier, answers))
        for number in range(writers)
    ]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    found = [answers.get(timeout=600) for _ in processes]
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    commits = [commit for one in found for commit in one["commits_ms"]]
    emitted = sum(one["emitted"] for one in found)
    table = "telemetry_events" if alternative == "naive" else "events"
    connection = sqlite3.connect(path)
    stored = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    connection.close()
    yield {
        "rate": emitted / seconds,
        "lost": emitted - stored,
        "p50_ms": percentile(commits, 0.5),
        "p99_ms": percentile(commits, 0.99),
        "max_ms": max(commits),
        "busy": sum(one["busy"] for one in found),
        "cpu_us": sum(one["cpu_ns"] for one in found) / emitted / 1000,
    }


def _records(number: int, count: int) -> list[Record]:
    from disk import records  # noqa: PLC0415 - in the process that needs them

    return list(records(count, seed=number))


def _write_ours(
    path: Path, number: int, options: dict[str, Any], barrier: Any, answers: Any
) -> None:
    from cortex_otel_exporters.sqlite.writer import Writer  # noqa: PLC0415 - not before the fork

    rows = _records(number, options["events"])
    writer = Writer(path)
    commits: list[float] = []
    busy = 0
    write = writer._store.write  # noqa: SLF001 - its transactions are what is timed

    def timed(*args: Any) -> Any:
        nonlocal busy
        started = time.perf_counter()
        outcome = write(*args)
        if args[0]:
            commits.append((time.perf_counter() - started) * 1000)
        busy += bool(outcome.trouble)
        return outcome

    writer._store.write = timed  # type: ignore[method-assign]  # noqa: SLF001
    queue = writer._buffer._queue  # noqa: SLF001 - to hold back

    def submit(record: Record) -> None:
        while len(queue) > 30_000:
            time.sleep(0.001)
        writer.submit(record)

    barrier.wait()
    usage = harness.Usage()
    _emit(rows, options, submit)
    writer.force_flush(120_000)
    answers.put({"emitted": len(rows), "commits_ms": commits, "busy": busy, "cpu_ns": usage.cpu_ns})
    writer.shutdown(10_000)


def _write_naive(
    path: Path, number: int, options: dict[str, Any], barrier: Any, answers: Any
) -> None:
    import naive  # noqa: PLC0415 - not before the fork

    rows = _records(number, options["events"])
    connection = naive.connect(path)
    commits: list[float] = []
    barrier.wait()
    usage = harness.Usage()
    for start in range(0, len(rows), 512):
        batch = [naive.row_of_record(row) for row in rows[start : start + 512]]
        started = time.perf_counter()
        naive.insert(connection, batch)
        commits.append((time.perf_counter() - started) * 1000)
    answers.put({"emitted": len(rows), "commits_ms": commits, "busy": 0, "cpu_ns": usage.cpu_ns})
    connection.close()


def _emit(rows: list[Record], options: dict[str, Any], submit: Callable[[Record], None]) -> None:
    if options["paced"]:
        source = iter(rows)
        harness.pace(len(rows) / _RATE, 10, _RATE, lambda: submit(next(source)))
    else:
        for row in rows:
            submit(row)


def measure(run: Run) -> Report:
    """Unthrottled and paced, with 1, 2 and 4 processes."""
    rounds = 1 if run.quick else 3
    rows: list[list[Any]] = []
    lost = 0
    for paced in (False, True):
        total = (2000 if paced else 4000) if run.quick else (10_000 if paced else 60_000)
        for writers in (1, 4) if run.quick else (1, 2, 4):
            events = total if paced else total // writers
            if run.quick and paced and writers == 1:
                continue
            names = ("ours",) if paced else ("naive", "ours")
            found = run.interleave(
                names, rounds, fresh=True, writers=writers, events=events, paced=paced
            )
            for name in names:
                one = found[name]
                rows.append(
                    [
                        "paced 1,000/s each" if paced else "unthrottled",
                        "cortex-otel" if name == "ours" else "naive",
                        writers,
                        median(one, "rate"),
                        int(sum(block["lost"] for block in one)),
                        median(one, "cpu_us"),
                        median(one, "p50_ms"),
                        median(one, "p99_ms"),
                        max(block["max_ms"] for block in one),
                        int(sum(block["busy"] for block in one)),
                    ]
                )
                if name == "ours":
                    lost += int(sum(block["lost"] for block in one))
    bars = [Bar("events lost by cortex-otel, all runs", lost, 0, "events")]
    columns = [
        "", "", "writers", "events/s", "lost", "CPU µs", "commit p50 ms", "p99", "max", "retries",
    ]  # fmt: skip
    note = "retries: attempts that found the file locked for 250 ms and kept the batch"
    return Report([Table(f"one file ({rounds} times each)", columns, rows, note)], bars)


if __name__ == "__main__":
    harness.main(__doc__, measure, child)
