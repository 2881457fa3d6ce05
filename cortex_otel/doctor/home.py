"""Checks the user's directory and database, without changing them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from typing import TYPE_CHECKING

import apsw

from cortex_otel.doctor.findings import ok, problem, warning
from cortex_otel.locale import _
from cortex_otel.query.store_errors import damaged, described
from cortex_otel.query.writers import read_writers
from cortex_otel_exporters.sqlite.files import trouble_of
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cortex_otel.doctor.findings import Finding

__all__ = ["check"]

_LITTLE_BYTES = 100 * 10**6
_OPEN_TO_OTHERS = 0o077
_CHECK_SECONDS = 5.0
_CHECK_EVERY_STEPS = 10_000
_BUSY_TIMEOUT_MS = 2000


def check(home: Path, database: Path) -> Iterator[Finding]:
    """Directory, free space, database, and the state of recording processes."""
    existing = next(path for path in (home, *home.parents) if os.path.lexists(path))
    why = _unwritable(existing)
    if why:
        yield problem(
            "home_unwritable",
            _(
                "{path} can't be written to ({why}): correct its permissions, or set "
                "CORTEX_OTEL_HOME"
            ),
            path=home,
            why=why,
        )
    else:
        yield (
            ok("home", _("{path} is writable"), path=home)
            if existing == home
            else ok(
                "home_none_yet", _("{path} can be created when something is recorded"), path=home
            )
        )
        yield from _owned(home)
        yield from _space(existing)
    yield from _database(database, writable=not why)
    yield from _writers(home)


def _unwritable(directory: Path) -> str:
    """Why no file can be created in ``directory``; tried out, since modes mean nothing to root."""
    try:
        with tempfile.TemporaryFile(dir=directory):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__


def _owned(home: Path) -> Iterator[Finding]:
    for path in (home, home / "cortex.db"):
        try:
            status = path.stat()
        except OSError:
            continue
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            yield warning(
                "other_owner",
                _("{path} belongs to another user: record as that user, or chown it"),
                path=path,
            )
        if os.name == "posix" and status.st_mode & _OPEN_TO_OTHERS:
            yield warning(
                "open_to_others",
                _("{path} is open to other users (mode {mode}): chmod go= {path}"),
                path=path,
                mode=f"{status.st_mode & 0o777:04o}",
            )


def _space(directory: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(directory).free
    megabytes = f"{free / 10**6:,.0f}"
    yield (
        ok("space", _("{megabytes} MB free on the disk"), megabytes=megabytes)
        if free >= _LITTLE_BYTES
        else problem(
            "little_space",
            _("only {megabytes} MB free on the disk: make room"),
            megabytes=megabytes,
        )
    )


def _database(path: Path, *, writable: bool) -> Iterator[Finding]:
    try:
        connection = open_reader(path)
    except StoreMissingError:
        yield ok(
            "no_database",
            _("no database at {path} yet: it is created when something is recorded"),
            path=path,
        )
        return
    except StoreError as error:
        yield problem("database", "{detail}", detail=described(error))
        return
    with contextlib.closing(connection):
        result = _quick_check(connection)
    if result:
        yield problem("database", "{detail}", detail=damaged(path))
        return
    if result is None:
        yield ok(
            "database_large",
            _("{path} can be read; it is too large for a full check in 5 s"),
            path=path,
        )
    else:
        yield ok("database_whole", _("{path} is intact"), path=path)
    if writable:
        yield from _transaction(path)


def _quick_check(connection: apsw.Connection) -> str | None:
    """What SQLite finds broken, ``""`` if nothing; ``None`` if it takes too long."""
    deadline = time.monotonic() + _CHECK_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _CHECK_EVERY_STEPS)
    try:
        result = str(connection.execute("PRAGMA quick_check(1)").get)
    except apsw.InterruptError:
        return None
    except apsw.Error as error:
        return str(error)
    return "" if result == "ok" else result


def _transaction(path: Path) -> Iterator[Finding]:
    """Write to the user's database and roll back: the file doesn't change."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        with contextlib.closing(connection):
            connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
            # The last one to close would otherwise checkpoint the WAL.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute("INSERT INTO ledger VALUES (0, 'event', 'doctor', '', 1)")
            finally:
                if not connection.get_autocommit():  # on a full disk SQLite does by itself
                    connection.execute("ROLLBACK")
    except apsw.Error as error:
        yield problem(
            "transaction_failed",
            _(
                "no transaction can be written to {path} ({why}): check which process holds "
                "it, and its permissions"
            ),
            why=trouble_of(error) or str(error),
            path=path,
        )
    else:
        yield ok("transaction", _("a transaction can be written there (it was rolled back)"))


def _writers(home: Path) -> Iterator[Finding]:
    for writer in read_writers(home):
        if not writer.alive:
            continue
        if writer.trouble:
            yield problem(
                "writer_trouble",
                _("process {pid} can't store ({why}): see cortex-otel status"),
                pid=writer.pid,
                why=writer.trouble,
            )
        if writer.dropped:
            reasons = ", ".join(f"{name} {count}" for name, count in writer.dropped.items())
            yield warning(
                "writer_dropped",
                _("process {pid} lost records ({reasons}): see cortex-otel status"),
                pid=writer.pid,
                reasons=reasons,
            )
        if writer.faults:
            yield warning(
                "writer_faults",
                _(
                    "process {pid} had internal telemetry faults ({places}): report them as "
                    "an issue"
                ),
                pid=writer.pid,
                places=", ".join(writer.faults),
            )
