"""A consistent copy of the live database, by SQLite's online backup API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import apsw

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import CopyError, disk_errors, no_space
from cortex_otel_exporters.sqlite.files import trouble_of
from cortex_otel_exporters.sqlite.reader import (
    StoreMissingError,
    StoreNewerError,
    StoreUnreadableError,
    store_error,
)
from cortex_otel_exporters.sqlite.schema import NotOursError, SchemaNewerError, version_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Facts", "copy_database", "inspect"]

_PAGES_A_STEP = 1000  # 4 MB: some ten milliseconds between two looks at Ctrl-C
_BUSY_MS = 10_000
_INSTRUCTIONS_BETWEEN = 1_000_000  # some ten milliseconds, too


class Facts(NamedTuple):
    """What a database says of itself."""

    schema: int
    events: int
    ledger: dict[str, dict[str, int]]
    """Records by signal and outcome."""


def copy_database(
    database: Path, destination: Path, on_progress: Callable[[int, int], None]
) -> None:
    """Copy ``database`` as it is at this moment; it may be written to meanwhile.

    A transaction of ours holds that moment: a step of the backup would otherwise begin anew after
    each commit of another process, for ever with a busy one. The write-ahead log grows meanwhile.

    Args:
        database: of this schema or an older one.
        destination: a file that isn't there.
        on_progress: called with the pages done and their total.

    Raises:
        StoreError: it can't be read, or isn't ours.
        BackupError: the copy can't be written.
    """
    source = _open(database)
    try:
        with disk_errors(destination.parent):
            os.close(os.open(destination, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        copy = apsw.Connection(str(destination), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # Of a copy that isn't whole nothing is kept: no journal, no syncs.
            list(copy.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"))
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            with copy.backup("main", source, "main") as backup:
                while not backup.done:
                    backup.step(_PAGES_A_STEP)
                    on_progress(backup.page_count - backup.remaining, backup.page_count)
        finally:
            copy.close()
    except apsw.Error as error:
        if trouble_of(error) == "disk_full":
            raise no_space(destination.parent) from error
        raise store_error(error, database) from error
    finally:
        source.close()


def _open(path: Path) -> apsw.Connection:
    """Open a store of this version or an older one to be read."""
    if not path.exists():
        raise StoreMissingError(path)
    connection = None
    try:
        connection = apsw.Connection(
            f"{path.absolute().as_uri()}?mode=ro",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
        connection.set_busy_timeout(_BUSY_MS)
        is_empty = not version_of(connection)
    except BaseException as error:
        if connection is not None:
            connection.close()
        match error:
            case SchemaNewerError():
                raise StoreNewerError(path, error.found) from error
            case NotOursError():
                raise StoreUnreadableError(path, "not_ours", str(error)) from error
            case apsw.Error():
                raise store_error(error, path) from error
        raise
    if is_empty:
        connection.close()
        raise StoreMissingError(path)
    return connection


def inspect(path: Path) -> Facts:
    """Check a database that nobody has open, page by page.

    Raises:
        CopyError: it is damaged, or no store of this version or an older one.
    """
    connection = None
    try:
        connection = apsw.Connection(
            # Nothing is made beside it: no -wal, no -shm.
            f"{path.absolute().as_uri()}?mode=ro&immutable=1",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
        # Python handles Ctrl-C between two calls of it.
        connection.set_progress_handler(lambda: False, _INSTRUCTIONS_BETWEEN)
        connection.pragma("trusted_schema", False)  # noqa: FBT003 - the value of a pragma
        connection.pragma("temp_store", "MEMORY")
        version = version_of(connection)
        if not version or connection.execute("PRAGMA integrity_check(1)").get != "ok":
            raise _damaged()
        events = connection.execute("SELECT count(*) FROM events").get
        ledger: dict[str, dict[str, int]] = {}
        for signal, outcome, records in connection.execute(
            "SELECT signal, outcome, sum(records) FROM ledger GROUP BY signal, outcome"
        ):
            ledger.setdefault(signal, {})[outcome] = records
    except SchemaNewerError as error:
        raise CopyError(
            N_("it has schema {found}, of a newer cortex-otel: upgrade this one"), found=error.found
        ) from error
    except (NotOursError, apsw.Error) as error:
        raise _damaged() from error
    finally:
        if connection is not None:
            connection.close()
    return Facts(version, events, ledger)


def _damaged() -> CopyError:
    return CopyError(N_("its database is damaged: take another backup (cortex-otel backup --list)"))
