"""Opening the database file: directory, modes and PRAGMAs; setting a corrupt file aside."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import time
from typing import TYPE_CHECKING

import apsw

from cortex_otel_exporters import host_tasks, native
from cortex_otel_exporters.disk import identity_of, make_private_directory, trouble_of_errno
from cortex_otel_exporters.sqlite.schema import (
    NotOursError,
    SchemaNewerError,
    migrate,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = [
    "TROUBLES",
    "be_patient",
    "is_corrupt",
    "open_for_writing",
    "set_aside",
    "trouble_of",
]

#: What can be wrong with the store, as named in the ledger and by ``status``.
TROUBLES = (
    "locked",
    "disk_full",
    "read_only",
    "corrupt",
    "schema_newer",
    "not_ours",
    "unavailable",
)

# Connection scope: set each time.
#   busy_timeout   how long one attempt waits for another writer; the batch is kept and tried again
#   synchronous    NORMAL in WAL: a crash of the process loses nothing, a power cut the last commits
#   foreign_keys   off: keys come from the same transaction, checking them doubles the look-ups
#   wal_autocheckpoint 1000 pages: about 4 MB of WAL; larger stalls longer, smaller syncs more often
#   journal_size_limit the WAL file shrinks back to 16 MB after a burst or a long reader
#   cache_size     2 MB: the roll-ups' hot pages; the host pays for it
# File scope: written once, kept in the file.
#   page_size 4096, auto_vacuum INCREMENTAL: retention can give pages back; costs 0.1 % of the file
_FILE_PRAGMAS = (
    "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;"
)
_CONNECTION_PRAGMAS = (
    "PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -2000;"
    "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 16777216;"
    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
)


_TROUBLE_BY_ERROR: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((SchemaNewerError,), "schema_newer"),
    ((NotOursError,), "not_ours"),
    ((apsw.BusyError, apsw.LockedError), "locked"),
    ((apsw.FullError,), "disk_full"),
    ((apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError), "read_only"),
    (
        (apsw.CantOpenError, apsw.IOError, apsw.NoMemError, apsw.InterruptError,
         apsw.SchemaChangeError),
        "unavailable",
    ),
)  # fmt: skip


def open_for_writing(
    path: Path, *, busy_timeout_ms: int = 1000, synchronous: str = "NORMAL"
) -> apsw.Connection:
    """Open ``path``, making directory (0700), file (0600) and schema as needed.

    Args:
        path: the database file.
        busy_timeout_ms: how long one attempt waits for another writer, in milliseconds.
        synchronous: ``NORMAL``, or ``FULL`` where an acknowledgement must survive a power cut.

    Raises:
        NotOursError: the file is another program's database; it was not changed.
        SchemaNewerError: the file is from a newer cortex-otel; it was not changed.
        apsw.Error: SQLite's error; :func:`trouble_of` names it.
        OSError: the directory can't be created.
    """
    make_private_directory(path.parent)
    # SQLite gives -wal and -shm the mode of the database file: create that first.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    )
    try:
        be_patient(connection, busy_timeout_ms)
        if not version_of(connection):
            list(connection.execute(_FILE_PRAGMAS))
        list(connection.execute(_CONNECTION_PRAGMAS.format(synchronous=synchronous)))
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def be_patient(connection: apsw.Connection, timeout_ms: int) -> None:
    """Have ``connection`` wait so long for a lock; milliseconds."""
    connection.set_busy_handler(_busy_handler(timeout_ms))


def _busy_handler(timeout_ms: int) -> Callable[[int], bool]:
    """Wait for another writer, polling every millisecond or two.

    SQLite's own timeout soon polls every 100 ms only, and with several busy writers the waiting one
    starves for seconds.
    """
    deadline = 0.0

    def wait(calls: int) -> bool:
        nonlocal deadline
        now = time.monotonic()
        if not calls:
            deadline = now + timeout_ms / 1000
        if now >= deadline:
            return False
        native.sleep(random.uniform(0.0005, 0.0025))  # noqa: S311 - only jitter
        return True

    return wait


def trouble_of(error: BaseException) -> str | None:
    """The store's trouble that an error means; ``None`` if it is about a single record."""
    if is_corrupt(error):
        return "corrupt"
    if isinstance(error, OSError):
        return trouble_of_errno(error.errno)
    for kinds, trouble in _TROUBLE_BY_ERROR:
        if isinstance(error, kinds):
            return _trouble_of_disk(error) if trouble == "unavailable" else trouble
    return None


def _trouble_of_disk(error: BaseException) -> str:
    # SQLite reports a full disk as IOERR when the WAL index or a short write hits it.
    text = str(error).lower()
    return "disk_full" if "full" in text or "space" in text else "unavailable"


def is_corrupt(error: BaseException) -> bool:
    """Whether the file isn't a database, is corrupt, or lacks tables of ours."""
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return True
    # A table is missing although user_version says otherwise. Our SQL is fixed, so no record can
    # cause this.
    return isinstance(error, apsw.SQLError) and "no such" in str(error)


def set_aside(path: Path, seen: tuple[int, int] | None) -> Path | None:
    """Rename a corrupt database and its WAL, to ``….corrupt-…``.

    Args:
        path: the database file.
        seen: :func:`identity_of` the file that was found corrupt; if another process has
            replaced it meanwhile, nothing happens.

    Returns:
        The new name; ``None`` if there was nothing to move.
    """
    with _exclusively(path.with_name(path.name + ".lock")):
        if seen is None or identity_of(path) != seen:
            return None
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{os.getpid()}")
        # The log first: a WAL without its database is ignored, a database without its WAL isn't.
        for suffix in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}{suffix}", f"{aside}{suffix}")  # noqa: PTH105
    host_tasks.warn(
        "the telemetry database is corrupt; it was set aside as %s and a new one was created. "
        "To look into it: sqlite3 %s .recover",
        aside.name,
        aside.name,
        level=logging.ERROR,
    )
    return aside


@contextlib.contextmanager
def _exclusively(lock: Path) -> Iterator[None]:
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:  # Windows refuses to rename an open file, which decides the race
        yield
        return
    descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
