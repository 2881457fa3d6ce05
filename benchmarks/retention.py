"""Deleting half of the events while four processes write: commit times, and the size of the file.

Four processes write 250 events per second each through ``Writer``, as in ``writers.py``, first with
nothing else, then while ``retain`` deletes every event of the older half, then alone again. A
commit is one transaction, including the wait for other writers and for the deletion. How long the
deletion itself held the write lock is measured in it. Afterwards the file is compared with one into
which SQLite has copied the same rows (``VACUUM INTO``).

The database is ``disk.py``'s 90 days, multiplied in SQL, each copy shifted by a few milliseconds.

Repeat: ``python benchmarks/retention.py``. Ten million events need 3 GB of disk; ``--events`` takes
fewer.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
import apsw
import disk
from _harness import Bar, Report, Run, Table, percentile

from cortex_otel.operate import retention, turns
from cortex_otel.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cortex_otel_exporters.record import Record

__all__: list[str] = []

_EVENTS, _QUICK_EVENTS = 10_000_000, 60_000
_MADE, _QUICK_MADE = 50_000, 10_000
_WRITERS, _RATE = 4, 250
_ALONE_SECONDS, _QUICK_SECONDS = 20.0, 3.0
_COPY_NS = 3_000_000
_BAR_P99, _BAR_SIZE, _BAR_HOLD_MS = 2.0, 1.1, 50.0


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything, in the order told above; one block."""
    del alternative
    home = Path(options["home"]) / "retention"
    home.mkdir(mode=0o700)
    path = home / "cortex.db"
    _build(path, options["events"], options["made"])
    alone, during = [], []
    with _writing(path) as commits:
        seconds = options["seconds"]
        _let(seconds, commits, alone)
        before = path.stat().st_size
        with _longest_hold() as holds:
            started = time.monotonic()
            outcome = _deleted_meanwhile(home, commits, during)
            took = time.monotonic() - started
        _let(seconds, commits, alone)
    after = path.stat().st_size
    yield {
        "events": options["events"],
        "deleted": outcome.deleted["event", "age"],
        "seconds": took,
        "p50_alone_ms": percentile(alone, 0.5),
        "p99_alone_ms": percentile(alone, 0.99),
        "p50_during_ms": percentile(during, 0.5),
        "p99_during_ms": percentile(during, 0.99),
        "max_during_ms": max(during),
        "hold_p99_ms": percentile(holds, 0.99),
        "hold_max_ms": max(holds),
        "before_mb": before / 1e6,
        "after_mb": after / 1e6,
        "size": after / _fresh(path),
    }


def _build(path: Path, events: int, made: int) -> None:
    disk.build(path, made)
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(events)")][2:]
        rest = ", ".join(columns)
        for copy in range(1, events // made):
            connection.execute(
                f"INSERT INTO events SELECT event_key + ?1, time + ?2, {rest}"
                " FROM events WHERE event_key <= ?3",
                (copy * made, copy * _COPY_NS, made),
            )
        connection.execute(
            "UPDATE store SET value = (SELECT max(event_key) + 1 FROM events)"
            " WHERE key IN ('next_event_key', 'next_cut_key')"
        )


@contextmanager
def _writing(path: Path) -> Iterator[Any]:
    context = multiprocessing.get_context("spawn")
    commits, stop = context.SimpleQueue(), context.Event()
    writers = [
        context.Process(target=_write, args=(path, number, commits, stop), daemon=True)
        for number in range(_WRITERS)
    ]
    for writer in writers:
        writer.start()
    for _ in writers:
        commits.get()  # it has written
    yield commits
    stop.set()
    drained = threading.Thread(target=_drain, args=(commits, len(writers)))
    drained.start()
    for writer in writers:
        writer.join()
    drained.join()


def _drain(commits: Any, ends: int) -> None:
    while ends:
        ends -= commits.get() is None


def _write(path: Path, number: int, commits: Any, stop: Any) -> None:
    from cortex_otel_exporters.sqlite.writer import Writer  # noqa: PLC0415 - in the child

    rows = list(disk.records(2000, seed=100 + number))
    writer = Writer(path, interval_ms=250)
    write = writer._store.write  # noqa: SLF001 - its transactions are what is timed

    def timed(*args: Any) -> Any:
        started = time.perf_counter()
        outcome = write(*args)
        if args[0]:
            commits.put((time.perf_counter() - started) * 1000)
        return outcome

    writer._store.write = timed  # type: ignore[method-assign]  # noqa: SLF001
    place = 0
    while not stop.is_set():
        for _ in range(_RATE // 25):
            writer.submit(_now(rows[place % len(rows)]))
            place += 1
        time.sleep(1 / 25)
    writer.shutdown(10_000)
    commits.put(None)


def _now(record: Record) -> Record:
    return record._replace(time_unix_nano=time.time_ns())


def _let(seconds: float, commits: Any, into: list[float]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        into.append(commits.get())


def _deleted_meanwhile(home: Path, commits: Any, into: list[float]) -> Any:
    """What ``retain`` did; ``into`` gets what was committed until it ended."""
    days = (time.time_ns() - (disk.BEGIN_NS + disk.END_NS) // 2) // (86_400 * 10**9)
    settings = Settings(home=home, retention_event_days=days, max_database_mb=0)
    outcomes: list[Any] = []

    def delete() -> None:
        outcomes.append(retention.retain(settings, trust_clock=True))

    thread = threading.Thread(target=delete)
    thread.start()
    while thread.is_alive():
        into.append(commits.get())
    thread.join()
    return outcomes[0]


@contextmanager
def _longest_hold() -> Iterator[list[float]]:
    """How long each transaction of ``retain`` held the write lock, milliseconds."""
    holds: list[float] = []
    took = turns.Pace.took

    def noted(pace: turns.Pace, seconds: float) -> None:
        holds.append(seconds * 1000)
        took(pace, seconds)

    turns.Pace.took = noted  # type: ignore[method-assign]
    try:
        yield holds
    finally:
        turns.Pace.took = took  # type: ignore[method-assign]


def _fresh(path: Path) -> int:
    """Size of a new file with the same rows."""
    fresh = path.with_name("fresh.db")
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("VACUUM INTO ?", (str(fresh),))
    size = fresh.stat().st_size
    fresh.unlink()
    return size


def measure(run: Run) -> Report:
    """One run of it."""
    found = run.interleave(
        ("ours",),
        1,
        fresh=True,
        events=_QUICK_EVENTS if run.quick else run.options.events,
        made=_QUICK_MADE if run.quick else _MADE,
        seconds=_QUICK_SECONDS if run.quick else _ALONE_SECONDS,
    )["ours"][0]
    bars = [
        Bar("p99 of a commit while half is deleted, by without",
            found["p99_during_ms"] / found["p99_alone_ms"], _BAR_P99, "times"),
        Bar("file afterwards, by a new one with the same rows", found["size"], _BAR_SIZE, "times"),
        Bar("write lock held by a step of the deletion, p99", found["hold_p99_ms"], _BAR_HOLD_MS,
            "ms"),
    ]  # fmt: skip
    commits = Table(
        f"commits of {_WRITERS} processes, {_RATE} events/s each",
        ["", "p50 ms", "p99 ms", "max ms"],
        [
            ["alone", found["p50_alone_ms"], found["p99_alone_ms"], None],
            ["while deleting", found["p50_during_ms"], found["p99_during_ms"],
             found["max_during_ms"]],
            ["the lock held by a step", None, found["hold_p99_ms"], found["hold_max_ms"]],
        ],
    )  # fmt: skip
    deleted = Table(
        "deleted",
        ["events", "deleted", "seconds", "file before MB", "after MB"],
        [[found["events"], found["deleted"], found["seconds"], found["before_mb"],
          found["after_mb"]]],
    )  # fmt: skip
    return Report([commits, deleted], bars)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events", type=int, default=_EVENTS, help="how many there are, half to be deleted"
    )


if __name__ == "__main__":
    harness.main(__doc__, measure, child, arguments=_arguments)
