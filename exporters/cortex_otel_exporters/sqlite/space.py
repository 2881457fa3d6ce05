"""How large the database is, and giving what is free of it back to the disk.

The size of a database is that of its pages that are in use: free ones are written to first, and
given back by :func:`give_back`. The write-ahead log beside it isn't part of it.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from cortex_otel_exporters.sqlite.files import be_patient
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BYTES_AN_EVENT", "PATIENCE_MS", "checkpoint", "free_pages", "give_back", "raw_bytes",
    "restart_log", "size_of_tables", "truncate_log", "used_bytes", "wal_bytes",
]  # fmt: skip

#: How long a connection that makes checkpoints waits for the write lock; milliseconds.
PATIENCE_MS: Final = 250
#: An event without texts of its own, with what two indexes have of it.
BYTES_AN_EVENT: Final = 80
_SAMPLE: Final = 200
_RAW: Final = f"""
SELECT
    coalesce((SELECT max(event_key) FROM events) - (SELECT min(event_key) FROM events) + 1, 0),
    coalesce((
        SELECT avg(coalesce(length(error_message), 0) + coalesce(length(event_values), 0))
        FROM (SELECT * FROM events ORDER BY event_key DESC LIMIT {_SAMPLE})
    ), 0)
"""  # noqa: S608 - our own number


def used_bytes(connection: apsw.Connection) -> int:
    """The pages in use."""
    pages = int(connection.pragma("page_count")) - free_pages(connection)
    return pages * int(connection.pragma("page_size"))


def free_pages(connection: apsw.Connection) -> int:
    """How many pages are in no use."""
    return int(connection.pragma("freelist_count"))


def raw_bytes(connection: apsw.Connection) -> int:
    """What the events take, roughly, from their number and the latest of them: a millisecond."""
    events, texts = connection.execute(_RAW).get
    return int(events * (BYTES_AN_EVENT + texts))


def size_of_tables(connection: apsw.Connection, names: Iterable[str]) -> int:
    """Bytes that these tables and indexes take, exactly; reads all their pages."""
    wanted = list(names)
    marks = ", ".join("?" * len(wanted))
    sizes = f"SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE AND name IN ({marks})"  # noqa: S608
    return int(connection.execute(sizes, wanted).get or 0)


def give_back(connection: apsw.Connection, seconds: float, leave: int) -> int:
    """Make the file shorter by free pages, in one transaction.

    Args:
        connection: for writing.
        seconds: how long it holds the write lock, about.
        leave: so many free pages stay, for what is written next.

    Returns:
        How many pages; 0: no more than ``leave`` are free, or the file can't get shorter.
    """
    before = free_pages(connection)
    if before <= leave:
        return 0
    with transaction(connection) as started:
        # A page a step: the pragma moves the last page of the file to a free place.
        cursor = connection.execute(f"PRAGMA incremental_vacuum({before - leave})")
        for _ in cursor:
            if time.monotonic() - started >= seconds:
                break
        cursor.close(True)  # noqa: FBT003 - discards the rest
    return before - free_pages(connection)


def wal_bytes(connection: apsw.Connection) -> int:
    """Length of the write-ahead log."""
    try:
        return Path(f"{connection.filename}-wal").stat().st_size
    except OSError:
        return 0


def checkpoint(connection: apsw.Connection) -> None:
    """Copy what is in the log to the database, as far as readers allow; nobody waits for it."""
    _checkpoint(connection, apsw.SQLITE_CHECKPOINT_PASSIVE)


def truncate_log(connection: apsw.Connection) -> None:
    """Make the log empty, if at this moment nobody reads or writes."""
    checkpoint(connection)  # nearly all of it without the write lock
    _checkpoint(connection, apsw.SQLITE_CHECKPOINT_TRUNCATE)


def restart_log(connection: apsw.Connection) -> None:
    """Have the log written from its beginning again: it takes no more room then.

    Raises:
        apsw.Error: the database has no room either for what is in it.
    """
    _checkpoint(connection, apsw.SQLITE_CHECKPOINT_RESTART)


def _checkpoint(connection: apsw.Connection, mode: int) -> None:
    # Waiting for readers would be with the write lock held.
    connection.set_busy_handler(None)
    try:
        with contextlib.suppress(apsw.BusyError):  # a later one will do
            connection.wal_checkpoint(None, mode)
    finally:
        be_patient(connection, PATIENCE_MS)
