"""Keeps the compact form up to date: ``cortex.db.analysis``, made of the events of ``cortex.db``.

The file can be deleted at any time: it is built again from the events. A writing process never
touches it. Whoever asks brings it up to date, and so does ``cortex-otel serve``; SQLite's own lock
on the file keeps two processes from doing so at once.

Events are taken by ``event_key``, which grows in the order of commits, from the last one on. Rows
that were deleted from the store show by their number: then all is built again, as when the store is
another one, or its schema has changed. Events from before ``events_from``, which retention is
deleting, are left out at once: so it is built again when that moves, and not while they go.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

import apsw
import numpy as np

from cortex_otel.query.analysis import SUFFIX
from cortex_otel.query.analysis.form import Form
from cortex_otel.query.analysis.runs import COLUMNS, Run
from cortex_otel.query.kept import kept_from

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SUFFIX", "NotKeptError", "bring_up", "forget", "forget_unused", "refreshed"]

#: Of the packed form: another one is built again.
_FORMAT: Final = 2
_BATCH: Final = 200_000  # events read at once: 8 MB
#: More than these aren't packed for a question alone, where the file can't be written.
_MAX_IN_MEMORY: Final = 2_000_000
_BUSY_MS: Final = 60_000
_STATE: Final = (
    "format",
    "schema",
    "device",
    "inode",
    "generation",
    "last_key",
    "last_time",
    "rows",
    "events_from",
)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    run    INTEGER PRIMARY KEY,
    events INTEGER NOT NULL,
    origin INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS packed (
    run  INTEGER NOT NULL,
    name TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (run, name)
);
"""

# `+time`: of the index by time SQLite would read all of it, since that has each event's key, too.
_NEW: Final = """
SELECT user_key, time, series_key, session_key, weight IS NOT NULL FROM events
WHERE event_key > ? AND event_key <= ? AND +time >= ? AND user_key IS NOT NULL
  AND series_key IN (SELECT series_key FROM series WHERE is_product = 1)
ORDER BY event_key
"""

_NEWER: Final = "SELECT count(*) FROM events WHERE event_key > ? AND +time >= ?"
#: Those from a moment on. SQLite counts a whole index two to three times as fast as a part of it.
_ROWS: Final = """
SELECT (SELECT count(*) FROM events) - (SELECT count(*) FROM events WHERE time < ?)
"""


class NotKeptError(Exception):
    """The form can't be kept, and is too large to be made for one question."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A form and what it was made of."""

    state: dict[str, int]
    form: Form


_lock = threading.Lock()
_kept: dict[Path, _Kept] = {}
#: When a question last had it; monotonic seconds.
_used: dict[Path, float] = {}
#: By connection, what its ``PRAGMA data_version`` was when the number of rows was last looked at.
_seen: WeakKeyDictionary[apsw.Connection, tuple[int, int]] = WeakKeyDictionary()


def refreshed(store: apsw.Connection, *, verify: bool = True) -> Form:
    """The form of everything that is committed in ``store``.

    Args:
        store: a connection to the store, in a transaction or not.
        verify: look whether rows were deleted, which reads an index of all events: a tenth of a
            second for ten million.

    Raises:
        NotKeptError: the file can't be written, and there are too many events for memory.
        apsw.Error: the store can't be read.
    """
    with _lock, _snapshot(store):
        kept = _brought_up_to_now(store, verify=verify, whole=True)
        source = Path(store.filename)
        _kept[source], _used[source] = kept, time.monotonic()
        return kept.form


def bring_up(store: apsw.Connection, *, verify: bool) -> None:
    """Write what is new to the file, and read no more of it than that needs.

    Args:
        store: as in :func:`refreshed`.
        verify: as in :func:`refreshed`.

    Raises:
        NotKeptError, apsw.Error: as :func:`refreshed` does.
    """
    with _lock, _snapshot(store):
        source = Path(store.filename)
        kept = _brought_up_to_now(store, verify=verify, whole=source in _kept)
        if source in _kept:
            _kept[source] = kept


def _brought_up_to_now(store: apsw.Connection, *, verify: bool, whole: bool) -> _Kept:
    source = Path(store.filename)
    now = _store_state(store, source)
    kept = _kept.get(source)
    # Another connection's commit shows in the number: nothing was deleted without one.
    version = (int(store.pragma("data_version")), kept.state["generation"] if kept else 0)
    if verify and _seen.get(store) != version:
        now["rows"] = store.execute(_ROWS, (now["events_from"],)).get
    if kept is None or not _is_current(kept.state, now):
        try:
            path = source.with_name(source.name + SUFFIX)
            kept = _from_file(store, path, now, kept, whole=whole)
        except (apsw.Error, OSError) as error:
            if isinstance(error, (apsw.InterruptError, apsw.SQLError)):
                raise
            kept = _in_memory(store, now, kept)
    if verify:
        _seen[store] = (version[0], kept.state["generation"])
    return kept


def forget() -> None:
    """Give the memory back; the next question reads the file again."""
    with _lock:
        _kept.clear()
        _used.clear()


def forget_unused(seconds: float) -> None:
    """Forget the forms that nobody asked for in the last ``seconds``."""
    now = time.monotonic()
    with _lock:
        for source in [each for each, used in _used.items() if now - used > seconds]:
            _used.pop(source)
            _kept.pop(source, None)


def _store_state(store: apsw.Connection, source: Path) -> dict[str, int]:
    try:
        status = source.stat()
        device, inode = status.st_dev, status.st_ino
    except OSError:
        device = inode = 0
    last = store.execute("SELECT coalesce(max(event_key), 0) FROM events").get
    given = store.execute("SELECT value - 1 FROM store WHERE key = 'next_event_key'").get
    return {
        "format": _FORMAT,
        "schema": int(store.pragma("user_version")),
        "device": device % 2**63,
        "inode": inode % 2**63,
        # Not the last row alone: it may have been deleted.
        "last_key": max(last, given or 0),
        "events_from": kept_from(store)[0],
    }


def _is_current(state: dict[str, int], now: dict[str, int]) -> bool:
    if all(state.get(name) == value for name, value in now.items()):
        return True
    # Made of a later commit than this connection's transaction sees: as good.
    return _is_same_store(state, now) and (
        state["last_key"] > now["last_key"] or state["events_from"] > now["events_from"]
    )


def _is_same_store(state: dict[str, int], now: dict[str, int]) -> bool:
    return (
        bool(state)
        and all(state[name] == now[name] for name in ("format", "schema", "device", "inode"))
        and state["events_from"] >= now["events_from"]
    )


def _can_go_on(store: apsw.Connection, state: dict[str, int], now: dict[str, int]) -> bool:
    """Whether what ``state`` was made of is still there, unchanged."""
    if not _is_same_store(state, now) or _time_of(store, state["last_key"]) != state["last_time"]:
        return False
    newer = _newer(store, state["last_key"], now["events_from"])
    return "rows" not in now or state["rows"] + newer == now["rows"]


def _newer(store: apsw.Connection, key: int, events_from: int) -> int:
    return int(store.execute(_NEWER, (key, events_from)).get)


def _time_of(store: apsw.Connection, key: int) -> int:
    return store.execute("SELECT time FROM events WHERE event_key = ?", (key,)).get or 0


def _from_file(
    store: apsw.Connection, path: Path, now: dict[str, int], kept: _Kept | None, *, whole: bool
) -> _Kept:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        return _kept_in(store, path, now, kept, whole=whole)
    except (apsw.CorruptError, apsw.NotADBError):
        path.unlink()
        return _from_file(store, path, now, None, whole=whole)


def _kept_in(
    store: apsw.Connection, path: Path, now: dict[str, int], kept: _Kept | None, *, whole: bool
) -> _Kept:
    with contextlib.closing(apsw.Connection(str(path))) as file:
        file.set_busy_timeout(_BUSY_MS)
        list(file.execute("PRAGMA page_size = 16384; PRAGMA journal_mode = TRUNCATE;"))
        list(file.execute("PRAGMA synchronous = NORMAL;"))
        list(file.execute("PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;"))
        file.execute("BEGIN")
        try:
            if not _is_current(_read_state(file), now):
                file.execute("ROLLBACK")
                file.execute("BEGIN IMMEDIATE")
            state = _read_state(file)  # once more: another process may have been quicker
            if _is_current(state, now):
                found = _Kept(state, _read_form(file, state, kept))
            else:
                found = _brought_up(store, file, state, now, kept)
            if whole:
                # Now: whoever merges runs takes them out of the file.
                for run in found.form.runs:
                    run.packed  # noqa: B018 - reads them
            file.execute("COMMIT")
            return found
        finally:
            if not file.get_autocommit():
                file.execute("ROLLBACK")


def _brought_up(
    store: apsw.Connection,
    file: apsw.Connection,
    state: dict[str, int],
    now: dict[str, int],
    kept: _Kept | None,
) -> _Kept:
    list(file.execute(_SCHEMA))
    if state and _can_go_on(store, state, now):
        before = _read_form(file, state, kept)
    else:
        state = {**now, "generation": time.time_ns(), "last_key": 0, "rows": 0}
        before = Form(())
        file.execute("DELETE FROM runs")
        file.execute("DELETE FROM packed")
    form = _with_new(store, before, state["last_key"], now)
    known, needed = {run.key for run in before.runs}, {run.key for run in form.runs}
    for key in known - needed:
        file.execute("DELETE FROM runs WHERE run = ?", (key,))
        file.execute("DELETE FROM packed WHERE run = ?", (key,))
    for run in form.runs:
        if run.key not in known:
            file.execute("INSERT INTO runs VALUES (?, ?, ?)", (run.key, run.events, run.origin))
            file.executemany(
                "INSERT INTO packed VALUES (?, ?, ?)",
                [(run.key, name, data) for name, data in run.packed.items()],
            )
    state = _made_of(store, state, now)
    file.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(state.items()))
    return _Kept(state, form)


def _made_of(store: apsw.Connection, state: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {
        **now,
        "generation": state["generation"],
        "last_time": _time_of(store, now["last_key"]),
        "rows": state["rows"] + _newer(store, state["last_key"], now["events_from"]),
    }


def _with_new(store: apsw.Connection, form: Form, last_key: int, now: dict[str, int]) -> Form:
    end = now["last_key"]
    for start in range(last_key, end, _BATCH):
        rows = store.execute(_NEW, (start, min(start + _BATCH, end), now["events_from"]))
        values = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, len(COLUMNS))
        if len(values):
            columns = {name: values[:, place] for place, name in enumerate(COLUMNS)}
            next_key = max((run.key for run in form.runs), default=0) + 1
            form = form.with_events(columns, next_key)
    if not last_key and len(form.runs) > 1:
        form = Form([form.in_one_run(form.runs[-1].key + 1)])
    return form


def _in_memory(store: apsw.Connection, now: dict[str, int], kept: _Kept | None) -> _Kept:
    if kept is not None and _can_go_on(store, kept.state, now):
        state, form = kept.state, kept.form
    elif _newer(store, 0, now["events_from"]) > _MAX_IN_MEMORY:
        raise NotKeptError
    else:
        state = {**now, "generation": time.time_ns(), "last_key": 0, "rows": 0}
        form = Form(())
    form = _with_new(store, form, state["last_key"], now)
    return _Kept(_made_of(store, state, now), form)


def _read_state(file: apsw.Connection) -> dict[str, int]:
    if not file.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'state'").get:
        return {}
    state = dict(file.execute("SELECT key, value FROM state"))
    return state if state.keys() >= set(_STATE) else {}


def _read_form(file: apsw.Connection, state: dict[str, int], kept: _Kept | None) -> Form:
    known: dict[int, Run] = {}
    if kept is not None and kept.state["generation"] == state["generation"]:
        known = {run.key: run for run in kept.form.runs}
    runs = [
        known.get(key) or Run(key, events, origin, partial(_blobs, file, key))
        for key, events, origin in list(
            file.execute("SELECT run, events, origin FROM runs ORDER BY run")
        )
    ]
    return Form(runs)


def _blobs(file: apsw.Connection, key: int) -> dict[str, bytes]:
    return dict(file.execute("SELECT name, data FROM packed WHERE run = ?", (key,)))


@contextlib.contextmanager
def _snapshot(store: apsw.Connection) -> Iterator[None]:
    """One state of the store, whatever is committed meanwhile."""
    if store.in_transaction:
        yield
        return
    store.execute("BEGIN")
    try:
        yield
    finally:
        if store.in_transaction:
            store.execute("ROLLBACK")
