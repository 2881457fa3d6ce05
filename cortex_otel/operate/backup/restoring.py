"""Restoring a copy: nothing is overwritten, and nothing is there before all of it was checked."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

import apsw

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import (
    BackupError,
    BackupSettingsError,
    CopyError,
    WrongKeyError,
    disk_errors,
    no_space,
)
from cortex_otel.operate.backup.keys import read_identities
from cortex_otel.operate.backup.layout import DATABASE, LOGS
from cortex_otel.operate.backup.listing import choose, list_copies
from cortex_otel.operate.backup.series import read_series
from cortex_otel.operate.backup.target import open_target
from cortex_otel.operate.backup.verifying import read_back, unpack_checked
from cortex_otel.operate.backup.work_directory import RESTORE, work_directory
from cortex_otel_exporters.disk import make_private_directory, move_new, writing
from cortex_otel_exporters.sqlite.files import open_for_writing, trouble_of
from cortex_otel_exporters.sqlite.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cortex_otel.operate.backup.manifest import Manifest
    from cortex_otel.settings import Settings

__all__ = ["Restored", "restore"]

#: What SQLite would take for a part of the restored database.
_PARTS = ("", "-wal", "-shm", "-journal")


class Restored(NamedTuple):
    """What was restored."""

    manifest: Manifest
    database: Path
    logs: int
    """Log files restored."""
    logs_kept: int
    """Log files that were there already, and stayed as they were."""


def restore(
    settings: Settings,
    wanted: str = "latest",
    *,
    destination: Path | None = None,
    identity: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> Restored:
    """Restore a copy into the home, or beside it.

    A database of an older schema is brought up to date.

    Args:
        settings: whose target is read.
        wanted: the name of a copy, or ``latest``.
        destination: a directory that is empty or isn't there; the home by default, which must have
            no database.
        identity: file of the private key; by default that of the settings.
        on_progress: called with the bytes read and their total.

    Raises:
        BackupError: it couldn't be done; nothing was changed.
    """
    target = open_target(settings)
    home = destination or settings.home
    _check_free(home, is_home=destination is None)
    copy = choose(list_copies(target), wanted, read_series(settings.home).name)
    manifest = copy.manifest
    if manifest is None:  # a copy that is chosen has one
        raise AssertionError(copy.name)
    if manifest.schema > SCHEMA_VERSION:
        raise BackupError(
            N_("{name} has schema {found}, of a newer cortex-otel: upgrade this one"),
            name=copy.name,
            found=manifest.schema,
        )
    identities = None
    if manifest.encryption == "age":
        file = identity or settings.backup_identity
        if file is None:
            raise BackupSettingsError(
                N_("{name} is encrypted: give its private key (--identity FILE)"), name=copy.name
            )
        identities = read_identities(file)
    total = manifest.stored_bytes
    with _new_directory(home), work_directory(home, RESTORE) as work:
        with disk_errors(home):
            if shutil.disk_usage(home).free < manifest.plain_bytes:
                raise no_space(home)
        chunks = read_back(target.read(copy.archive, total), lambda done: on_progress(done, total))
        try:
            unpack_checked(chunks, manifest, work, identities)
        except (CopyError, WrongKeyError) as error:
            error.about = str(copy.name)
            raise
        _upgrade(work / DATABASE, home)
        logs = home / LOGS if destination else settings.log_directory
        return _publish(work, home, logs, manifest)


def _check_free(home: Path, *, is_home: bool) -> None:
    """Raise where something would be overwritten."""
    database = home / DATABASE
    with disk_errors(home):
        if home.exists() and not home.is_dir():
            raise BackupError(N_("{path} isn't a directory: choose another"), path=home)
        if is_home:
            there = [part for part in _PARTS if os.path.lexists(f"{database}{part}")]
            if there:
                raise _occupied(f"{database}{there[0]}")
        elif home.exists() and any(home.iterdir()):
            raise BackupError(
                N_("{path} isn't empty: choose a directory that is, or that isn't there"), path=home
            )


def _occupied(path: str) -> BackupError:
    return BackupError(
        N_(
            "{path} is there, and isn't overwritten: restore beside it (--to DIR), or stop what "
            "records and move it away first"
        ),
        path=path,
    )


@contextlib.contextmanager
def _new_directory(home: Path) -> Iterator[None]:
    """``home`` is there, and what was made for it is gone again if this fails."""
    made = [path for path in (home, *home.parents) if not path.exists()]
    with disk_errors(home):
        make_private_directory(home)
    try:
        yield
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):  # somebody else has begun to use it
                path.rmdir()
        raise


def _upgrade(database: Path, home: Path) -> None:
    """Bring a database to this version's schema."""
    try:
        with disk_errors(home):
            open_for_writing(database).close()
    except apsw.Error as error:
        if trouble_of(error) == "disk_full":
            raise no_space(home) from error
        raise BackupError(
            N_("{path} can't be used ({reason}): check the disk"), path=home, reason=str(error)
        ) from error


def _publish(work: Path, home: Path, logs: Path, manifest: Manifest) -> Restored:
    """Move what was checked to where it belongs; the database last, and whole at once."""
    has_logs = (work / LOGS).is_dir()
    with _new_directory(logs) if has_logs else contextlib.nullcontext():
        restored: list[Path] = []
        kept = 0
        try:
            with disk_errors(logs):
                for path in sorted((work / LOGS).iterdir()) if has_logs else ():
                    try:
                        _move_log(path, logs / path.name)
                        restored.append(logs / path.name)
                    except FileExistsError:
                        kept += 1
            with disk_errors(home):
                _check_free(home, is_home=True)
                try:
                    move_new(work / DATABASE, home / DATABASE)
                except FileExistsError:  # a process that records was faster
                    raise _occupied(str(home / DATABASE)) from None
        except BaseException:
            for path in restored:
                path.unlink(missing_ok=True)
            raise
    return Restored(manifest, home / DATABASE, len(restored), kept)


def _move_log(path: Path, destination: Path) -> None:
    """Move a log file, to another disk as well."""
    try:
        move_new(path, destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with path.open("rb") as source, writing(destination, is_new=True) as copy:
            shutil.copyfileobj(source, copy)
        path.unlink()
