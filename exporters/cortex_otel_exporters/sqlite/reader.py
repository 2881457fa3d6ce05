"""Read-only connections to the store, with errors that say how to fix them.

::

    StoreError
    ├── StoreMissingError     no database yet
    ├── StoreNewerError       written by a newer cortex-otel
    └── StoreUnreadableError  corrupt, not ours, no permission, locked

Reading never needs a running writer and never changes the file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import apsw

from cortex_otel_exporters.sqlite.schema import APPLICATION_ID, SCHEMA_VERSION

__all__ = [
    "StoreError",
    "StoreMissingError",
    "StoreNewerError",
    "StoreUnreadableError",
    "data_version",
    "open_reader",
    "store_error",
]


Reason = Literal[
    "missing",
    "newer",
    "older",
    "damaged",
    "not_ours",
    "locked",
    "no_permission",
    "directory",
    "cannot_open",
    "unreadable",
]


class StoreError(Exception):
    """The store can't be read; the message is one line and says how to fix it.

    Args:
        path: the database.
        reason: the reason, for programs and translations.
        message: the same for people.
    """

    def __init__(self, path: Path, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.reason: Reason = reason


class StoreMissingError(StoreError):
    """There is no database: nothing was recorded yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            "missing",
            f"no database at {path}: run a server with cortex-otel switched on "
            "(opentelemetry-instrument python server.py), or try cortex-otel demo",
        )


class StoreNewerError(StoreError):
    """The database was written by a newer cortex-otel."""

    def __init__(self, path: Path, found: int) -> None:
        super().__init__(
            path,
            "newer",
            f"{path} has schema {found}, this cortex-otel knows {SCHEMA_VERSION}: "
            "upgrade cortex-otel",
        )
        self.found = found


class StoreUnreadableError(StoreError):
    """There is a file, but it can't be read as a store."""


def open_reader(path: Path | str, *, timeout_ms: int = 2000) -> apsw.Connection:
    """Open the database at ``path`` for reading only.

    Args:
        path: the SQLite file.
        timeout_ms: how long a statement waits for another process's lock; milliseconds.

    Returns:
        A connection that can't write. In a directory where this user may not write, and with no
        writer at work, it sees the file as it was when opened.

    Raises:
        StoreMissingError: no file, or an empty one that no writer has filled yet.
        StoreNewerError: the file has a newer schema.
        StoreUnreadableError: corrupt, not a database of cortex-otel, no permission, or locked.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise StoreMissingError(path)
        if path.is_dir():
            raise StoreUnreadableError(path, "directory", f"{path} is a directory, not a database")
    except PermissionError:
        raise _no_permission(path) from None
    try:
        return _open(path, "mode=ro", timeout_ms)
    except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
        # A WAL database needs its -shm file even to be read, and here it couldn't be created.
        # Without a -wal file everything is in the database itself, which can be read as it is.
        if not os.access(path, os.R_OK) or _size(Path(f"{path}-wal")):
            raise store_error(error, path) from error
    except apsw.Error as error:
        raise store_error(error, path) from error
    try:
        return _open(path, "mode=ro&immutable=1", timeout_ms)
    except apsw.Error as error:
        raise store_error(error, path) from error


def _open(path: Path, options: str, timeout_ms: int) -> apsw.Connection:
    uri = f"{path.absolute().as_uri()}?{options}"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(uri, flags=flags)
    try:
        connection.set_busy_timeout(timeout_ms)
        connection.pragma("query_only", True)  # noqa: FBT003 - the value of a pragma
        # Sort in memory: a temporary file would contain user hashes.
        connection.pragma("temp_store", "MEMORY")
        connection.pragma("cache_size", -16_000)
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: apsw.Connection, path: Path) -> None:
    found = int(connection.pragma("user_version"))
    if not found and not connection.execute("SELECT count(*) FROM sqlite_schema").get:
        raise StoreMissingError(path)
    if int(connection.pragma("application_id")) != APPLICATION_ID:
        raise StoreUnreadableError(
            path,
            "not_ours",
            f"{path} is not a database of cortex-otel: "
            "move it away or set CORTEX_OTEL_HOME to another directory",
        )
    if found > SCHEMA_VERSION:
        raise StoreNewerError(path, found)
    if found < SCHEMA_VERSION:
        raise StoreUnreadableError(
            path,
            "older",
            f"{path} has the older schema {found}: "
            "the next process that records brings it up to date; start one",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _no_permission(path: Path) -> StoreUnreadableError:
    return StoreUnreadableError(
        path,
        "no_permission",
        f"no permission to read {path}: it belongs to the user who records; read it as them",
    )


def store_error(error: apsw.Error, path: Path | str) -> StoreError:
    """Turn an error of SQLite into one that says how to fix it.

    Args:
        error: raised while opening or reading.
        path: the database, for the message.
    """
    path = Path(path)
    reason: Reason
    match error:
        case apsw.NotADBError() | apsw.CorruptError():
            reason, advice = (
                "damaged",
                (
                    "is damaged or not a database: move it away, "
                    "and a new one is made when something is recorded"
                ),
            )
        case apsw.BusyError() | apsw.LockedError():
            reason, advice = "locked", "is locked by another process: try again in a moment"
        case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError():
            if not os.access(path, os.R_OK):
                return _no_permission(path)
            reason, advice = (
                "cannot_open",
                (
                    f"can't be opened: a database in use needs its directory {path.parent} "
                    "to be writable, also for reading"
                ),
            )
        case _:
            reason, advice = "unreadable", f"can't be read: {error}"
    return StoreUnreadableError(path, reason, f"{path} {advice}")


def data_version(connection: apsw.Connection) -> int:
    """A number that changes when another connection, of any process, has committed.

    Raises:
        StoreError: the database can't be read.

    Source: https://www.sqlite.org/pragma.html#pragma_data_version
    """
    try:
        return int(connection.pragma("data_version"))
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error
