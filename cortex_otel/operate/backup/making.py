"""Making a copy: database → tar → zstd → age → target, read back, and older copies deleted."""

from __future__ import annotations

import contextlib
import shutil
import stat
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import apsw

from cortex_otel._version import __version__
from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import (
    BackupError,
    CopyError,
    WrongKeyError,
    disk_errors,
    no_space,
)
from cortex_otel.operate.backup.keeping import superseded
from cortex_otel.operate.backup.keys import read_identities, recipients
from cortex_otel.operate.backup.layout import CONTENTS, DATABASE, LOGS, is_log_name
from cortex_otel.operate.backup.listing import list_copies
from cortex_otel.operate.backup.manifest import Contents, Manifest
from cortex_otel.operate.backup.names import MANIFEST_SUFFIX, CopyName, archive_suffix
from cortex_otel.operate.backup.packing import Member, pack
from cortex_otel.operate.backup.series import Series, exclusive, read_series, write_series
from cortex_otel.operate.backup.snapshot import copy_database, inspect
from cortex_otel.operate.backup.target import open_target
from cortex_otel.operate.backup.verifying import check_archive, check_database, read_back
from cortex_otel.operate.backup.work_directory import BACKUP, work_directory
from cortex_otel.query.zones import project_zone
from cortex_otel_exporters.sqlite.reader import StoreMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cortex_otel.operate.backup.listing import Copy
    from cortex_otel.operate.backup.target import Target
    from cortex_otel.settings import Settings

    #: Called with the step (one of ``STEPS``), and what is done of how much.
    OnProgress = Callable[[str, int, int], None]

__all__ = ["STEPS", "Made", "make_copy"]

STEPS = {
    "copy": N_("Copying the database"),
    "pack": N_("Compressing"),
    "store": N_("Storing"),
    "verify": N_("Reading back"),
}
#: Times the database that must be free in the home: for the copy, and an archive that is smaller.
_SPACE_FACTOR = 2


class Made(NamedTuple):
    """A new copy."""

    manifest: Manifest
    target: str
    deleted: int
    """Older copies that were superseded."""
    was_opened: bool
    """It was decrypted, and its database checked, not only read back."""


def make_copy(
    settings: Settings,
    *,
    is_first: bool = False,
    on_progress: OnProgress = lambda *_: None,
) -> Made:
    """Copy the database and its log files to the target, and check what arrived.

    Args:
        settings: whose home, target and keys are used.
        is_first: there may be no copy at the target although there was.
        on_progress: see ``OnProgress``.

    Raises:
        BackupError: it couldn't be done; earlier copies are as they were.
        StoreError: the database can't be read.
    """
    target = open_target(settings)
    keys = recipients(settings.backup_recipients)
    identities = read_identities(settings.backup_identity) if settings.backup_identity else None
    if not settings.database.exists():
        raise StoreMissingError(settings.database)
    with exclusive(settings.home), work_directory(settings.home, BACKUP) as work:
        series = read_series(settings.home)
        own = [copy for copy in list_copies(target) if copy.name.series == series.name]
        if series.target == target.label and not own and not is_first:
            raise BackupError(
                N_(
                    "{target} had {name} and is empty now: mount its disk, or check the bucket; if "
                    "it is meant to be empty, run cortex-otel backup --first"
                ),
                target=target.label,
                name=series.last,
            )
        sequence = max((copy.name.sequence for copy in own), default=0) + 1
        name = CopyName(series.name, sequence, int(time.time()))
        # Before there is anything to be found again.
        write_series(settings.home, series)
        target.clean(series.name)
        archive, manifest = _pack(settings, name, work, keys, on_progress)
        _store(target, archive, manifest, work=work, identities=identities, on_progress=on_progress)
        write_series(settings.home, Series(series.name, target.label, str(name)))
        deleted = _delete_superseded(target, own, name, settings)
    was_opened = identities is not None or not keys
    return Made(manifest, target.label, deleted, was_opened)


def _pack(
    settings: Settings,
    name: CopyName,
    work: Path,
    keys: list[object],
    on_progress: OnProgress,
) -> tuple[Path, Manifest]:
    """The archive in ``work``, and its manifest."""
    logs = list(_log_files(settings.log_directory))
    log_bytes = sum(member.size for member in logs)
    size = settings.database.stat().st_size
    with disk_errors(work):
        if shutil.disk_usage(work).free < size * _SPACE_FACTOR + log_bytes:
            raise no_space(settings.home)
    copy = work / DATABASE
    copy_database(settings.database, copy, lambda done, total: on_progress("copy", done, total))
    try:
        facts = inspect(copy)
    except CopyError as error:
        raise BackupError(
            N_(
                "{path} is damaged: no backup was made, the earlier ones are kept; restore one, or "
                "try sqlite3 {path} .recover"
            ),
            path=settings.database,
        ) from error
    zone = project_zone(settings.time_zone)
    contents = Contents(
        name=str(name),
        created=zone.iso(name.created_s * 10**9),
        time_zone=zone.name,
        cortex_otel=__version__,
        sqlite=apsw.sqlite_lib_version(),
        schema=facts.schema,
        events=facts.events,
        ledger=facts.ledger,
        database_bytes=copy.stat().st_size,
        logs=len(logs),
        log_bytes=log_bytes,
    )
    members = [
        Member.of_bytes(CONTENTS, contents.to_json().encode()),
        Member(DATABASE, contents.database_bytes, partial(copy.open, "rb")),
        *logs,
    ]
    total = contents.database_bytes + log_bytes
    archive = work / f"{name}{archive_suffix(is_encrypted=bool(keys))}"
    with disk_errors(settings.home), archive.open("xb") as file:
        plain, stored = pack(members, file, keys, lambda done: on_progress("pack", done, total))
        copy.unlink()  # room for nothing more is needed, but it may be scarce
    manifest = Manifest(
        **asdict(contents),
        encryption="age" if keys else "none",
        plain_bytes=plain.size,
        plain_sha256=plain.sha256,
        stored_bytes=stored.size,
        stored_sha256=stored.sha256,
    )
    return archive, manifest


def _log_files(directory: Path) -> Iterator[Member]:
    """The log files, as long as they are now; one that grows goes on in the next copy.

    Links aren't followed: they lead out of the home.
    """
    with disk_errors(directory):
        paths = sorted(directory.iterdir()) if directory.is_dir() else []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # rotated away
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) and is_log_name(path.name):
                    yield Member(f"{LOGS}/{path.name}", status.st_size, partial(path.open, "rb"))


def _store(
    target: Target,
    archive: Path,
    manifest: Manifest,
    *,
    work: Path,
    identities: list[object] | None,
    on_progress: OnProgress,
) -> None:
    """Store both, the manifest after the archive was read back: without one there is no copy."""
    total = manifest.stored_bytes
    target.put(archive.name, archive, lambda done: on_progress("store", done, total))
    archive.unlink()
    stored = target.read(archive.name, total)
    chunks = read_back(stored, lambda done: on_progress("verify", done, total))
    try:
        if identities is None and manifest.encryption == "age":
            check_archive(chunks, manifest)
        else:
            check_database(chunks, manifest, work, identities)
    except (CopyError, WrongKeyError) as error:
        target.delete(archive.name)
        if isinstance(error, WrongKeyError):
            error.about = "CORTEX_OTEL_BACKUP_IDENTITY"
            raise
        raise _gave_back_another(target) from error
    path = work / f"{manifest.name}{MANIFEST_SUFFIX}"
    with disk_errors(work):
        path.write_text(manifest.to_json(), encoding="utf-8")
    target.put(path.name, path, lambda _: None)
    if b"".join(target.read(path.name, path.stat().st_size)) != path.read_bytes():
        target.delete(path.name)
        raise _gave_back_another(target)


def _gave_back_another(target: Target) -> BackupError:
    return BackupError(
        N_("{target} returned other data than was stored: check its disk, and run this again"),
        target=target.label,
    )


def _delete_superseded(target: Target, own: list[Copy], new: CopyName, settings: Settings) -> int:
    """Delete what needn't be kept, now that a newer copy is whole; how many.

    Of what isn't whole, only archives without a manifest: those of a backup that was interrupted.
    """
    whole = {copy.name: copy for copy in own if copy.is_whole}
    zone = project_zone(settings.time_zone)
    names = superseded([*whole, new], settings.backup_keep, zone)
    for name in names:
        for file in whole[name].files:  # the manifest first: half of it is no copy
            target.delete(file)
    for copy in own:
        if not any(file.endswith(MANIFEST_SUFFIX) for file in copy.files):
            for file in copy.files:
                target.delete(file)
    return len(names)
