"""Deleting half of the events while four processes write: commit times, and the size of the file.

Four processes write 250 events per second each through ``Writer``, as in ``writers.py``, first with
nothing else, then while ``retain`` deletes every event of the older half, then alone again. A
commit is one transaction, including the wait for other writers and for the deletion. How long the
deletion itself held the write lock is measured in it. Afterwards the file is compared with one into
which SQLite has copied the same rows (``VACUUM INTO``). What isn't deleted within ``--seconds`` is
deleted when nobody writes any more: the run ends in bounded time, however many there are.

Then the same four over a smaller database that is too large for its bound, with nobody else to look
after it: each deletes a little after each of its batches. How long a step of that held the write
lock is measured in the writers, to the moment at which SQLite has given it back.

The database is ``disk.py``'s 90 days, multiplied in SQL, each copy shifted by a few milliseconds.

Repeat: ``python benchmarks/retention.py``. Ten million events need 3 GB of disk; ``--events`` takes
fewer.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import _harness as harness
import apsw
import disk
from _harness import Bar, Report, Run, Table, percentile

from cortex_otel.operate import retention, turns
from cortex_otel.settings import Settings
from cortex_otel_exporters.sqlite import expiry
from cortex_otel_exporters.sqlite.space import used_bytes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from cortex_otel_exporters.record import Record

__all__: list[str] = []

_EVENTS, _QUICK_EVENTS = 10_000_000, 60_000
_MADE, _QUICK_MADE = 50_000, 10_000
_WRITERS, _RATE = 4, 250
_ALONE_SECONDS, _QUICK_SECONDS = 20.0, 3.0
_DELETING_SECONDS, _QUICK_DELETING_SECONDS = 600.0, 20.0
_CAPPED_EVENTS = 200_000
_FRAMES_BETWEEN_CHECKPOINTS = 1000
_COPY_NS = 3_000_000
_BAR_P99, _BAR_SIZE, _BAR_HOLD_MS = 2.0, 1.1, 50.0


def child(alternative: str, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything of one of the two parts, in the order told above; one block."""
    home = Path(options["home"]) / alternative
    home.mkdir(mode=0o700)
    yield (_retained if alternative == "retain" else _capped)(home, options)


def _retained(home: Path, options: dict[str, Any]) -> dict[str, Any]:
    path = home / "cortex.db"
    _build(path, options["events"], options["made"])
    alone: list[float] = []
    during: list[float] = []
    with _writing(path) as commits:
        seconds = options["seconds"]
        _let(seconds, commits, alone)
        before = path.stat().st_size
        with _longest_hold() as holds:
            started = time.monotonic()
            deleted = _deleted_meanwhile(home, options["deleting_seconds"], commits, during)
            took = time.monotonic() - started
        _let(seconds, commits, alone)
    rest = retention.retain(_settings(home), trust_clock=True).deleted["event", "age"]
    after = path.stat().st_size
    return {
        "events": options["events"],
        "deleted": deleted,
        "rest": rest,
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


def _capped(home: Path, options: dict[str, Any]) -> dict[str, Any]:
    path = home / "cortex.db"
    _build(path, min(options["events"], _CAPPED_EVENTS), options["made"])
    alone: list[float] = []
    during: list[float] = []
    seconds = options["seconds"]
    with _writing(path) as commits:
        _let(seconds, commits, alone)
    with closing(apsw.Connection(str(path))) as connection:
        before = used_bytes(connection)
    holds: list[float] = []
    with _writing(path, max_bytes=int(before * 0.8)) as commits:
        _let(seconds, commits, during, holds)
    with closing(apsw.Connection(str(path))) as connection:
        after = used_bytes(connection)
    return {
        "p99_alone_ms": percentile(alone, 0.99),
        "p50_during_ms": percentile(during, 0.5),
        "p99_during_ms": percentile(during, 0.99),
        "max_during_ms": max(during),
        "steps": len(holds),
        "hold_p99_ms": percentile(holds, 0.99),
        "hold_max_ms": max(holds),
        "before_mb": before / 1e6,
        "after_mb": after / 1e6,
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
def _writing(path: Path, max_bytes: int = 0) -> Iterator[Any]:
    context = multiprocessing.get_context("spawn")
    commits, stop = context.SimpleQueue(), context.Event()
    writers = [
        context.Process(target=_write, args=(path, number, max_bytes, commits, stop), daemon=True)
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


def _write(path: Path, number: int, max_bytes: int, commits: Any, stop: Any) -> None:
    from cortex_otel_exporters.sqlite.writer import Writer  # noqa: PLC0415 - in the child

    rows = list(disk.records(2000, seed=100 + number))
    writer = Writer(path, interval_ms=250, max_bytes=max_bytes)
    write = writer._store.write  # noqa: SLF001 - its transactions are what is timed
    if max_bytes:
        _time_steps(commits)

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


def _time_steps(commits: Any) -> None:
    """Have each step of the size cap tell how long it held the write lock: a negative number."""
    begun: list[float] = []
    transaction = expiry.transaction

    def committed(connection: apsw.Connection, _name: str, frames: int) -> int:
        if begun:  # SQLite calls this when others may write already
            commits.put((begun.pop() - time.monotonic()) * 1000)
        if frames >= _FRAMES_BETWEEN_CHECKPOINTS:  # in place of its own hook, which does that
            with suppress(apsw.BusyError):
                connection.wal_checkpoint(None, apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    @contextmanager
    def timed(connection: apsw.Connection) -> Iterator[float]:
        connection.set_wal_hook(committed)
        with transaction(connection) as started:
            begun[:] = [started]
            yield started
        begun.clear()

    expiry.transaction = timed


def _now(record: Record) -> Record:
    return record._replace(time_unix_nano=time.time_ns())


def _let(seconds: float, commits: Any, into: list[float], holds: list[float] | None = None) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        took = commits.get()
        if took >= 0:
            into.append(took)
        elif holds is not None:
            holds.append(-took)


def _settings(home: Path) -> Settings:
    """By which half of the events are too old."""
    days = (time.time_ns() - (disk.BEGIN_NS + disk.END_NS) // 2) // (86_400 * 10**9)
    return Settings(home=home, retention_event_days=days, max_database_mb=0)


def _deleted_meanwhile(home: Path, seconds: float, commits: Any, into: list[float]) -> int:
    """How many events ``retain`` deleted; ``into`` gets what was committed until it ended."""
    outcomes: list[Any] = []

    def delete() -> None:
        outcomes.append(retention.retain(_settings(home), trust_clock=True, seconds=seconds))

    thread = threading.Thread(target=delete)
    thread.start()
    while thread.is_alive():
        into.append(commits.get())
    thread.join()
    return int(outcomes[0].deleted["event", "age"])


@contextmanager
def _longest_hold() -> Iterator[list[float]]:
    """How long each transaction of ``retain`` held the write lock, milliseconds."""
    holds: list[float] = []
    took = turns.Pace.took

    def noted(pace: turns.Pace, seconds: float, rows: int) -> None:
        holds.append(seconds * 1000)
        took(pace, seconds, rows)

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
    parts = run.interleave(
        ("retain", "cap"),
        1,
        fresh=True,
        events=_QUICK_EVENTS if run.quick else run.options.events,
        made=_QUICK_MADE if run.quick else _MADE,
        seconds=_QUICK_SECONDS if run.quick else _ALONE_SECONDS,
        deleting_seconds=_QUICK_DELETING_SECONDS if run.quick else run.options.seconds,
    )
    found, capped = parts["retain"][0], parts["cap"][0]
    bars = [
        Bar("p99 of a commit while half is deleted, by without",
            found["p99_during_ms"] / found["p99_alone_ms"], _BAR_P99, "times"),
        Bar("file afterwards, by a new one with the same rows", found["size"], _BAR_SIZE, "times"),
        Bar("write lock held by a step of the deletion, p99", found["hold_p99_ms"], _BAR_HOLD_MS,
            "ms"),
        Bar("write lock held by a step of a writer's own deletion, longest", capped["hold_max_ms"],
            _BAR_HOLD_MS, "ms"),
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
        ["events", "deleted", "seconds", "when nobody writes", "file before MB", "after MB"],
        [[found["events"], found["deleted"], found["seconds"], found["rest"], found["before_mb"],
          found["after_mb"]]],
    )  # fmt: skip
    own = Table(
        "writers that keep the size by themselves",
        ["", "p50 ms", "p99 ms", "max ms"],
        [
            ["a commit, any size allowed", None, capped["p99_alone_ms"], None],
            ["a commit while it is too large", capped["p50_during_ms"], capped["p99_during_ms"],
             capped["max_during_ms"]],
            ["the lock held by a step", None, capped["hold_p99_ms"], capped["hold_max_ms"]],
        ],
        note=f"{capped['steps']} steps: {capped['before_mb']:.1f} → {capped['after_mb']:.1f} MB.",
    )  # fmt: skip
    return Report([commits, deleted, own], bars)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events", type=int, default=_EVENTS, help="how many there are, half to be deleted"
    )
    parser.add_argument(
        "--seconds", type=float, default=_DELETING_SECONDS,
        help="how long they are deleted while others write, at most",
    )  # fmt: skip


if __name__ == "__main__":
    harness.main(__doc__, measure, child, arguments=_arguments)
