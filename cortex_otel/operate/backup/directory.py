"""Copies in a directory, such as a mounted disk."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import (
    BackupError,
    BackupSettingsError,
    disk_errors,
    no_space,
)
from cortex_otel.operate.backup.names import parse_name, split_file_name
from cortex_otel.operate.backup.target import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Directory"]

_PARTIAL = ".partial"


class Directory:
    """A directory, which must be there: one that isn't may be a disk that isn't mounted.

    Args:
        path: of the directory.
        home: what is backed up.
    """

    is_remote = False

    def __init__(self, path: Path, home: Path) -> None:
        self.label = str(path)
        self._path = path
        with disk_errors(path):
            if not path.is_dir():
                raise BackupError(
                    N_("no directory at {path}: mount its disk, or create it"), path=path
                )
            real = path.resolve()
        if real == home.resolve() or home.resolve() in real.parents:
            raise BackupSettingsError(
                N_(
                    "CORTEX_OTEL_BACKUP_TARGET is inside {home}: backups would be lost with it; "
                    "choose a directory elsewhere, best on another disk"
                ),
                home=home,
            )

    def sizes(self) -> dict[str, int]:
        """Bytes of each file there that has a name like ours."""
        found: dict[str, int] = {}
        with disk_errors(self._path), os.scandir(self._path) as entries:
            for entry in entries:
                if split_file_name(entry.name) and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):
                        found[entry.name] = entry.stat(follow_symlinks=False).st_size
        return found

    def put(self, name: str, file: Path, on_progress: Callable[[int], None]) -> None:
        """Store ``file`` under another name, and rename it once it is on the disk."""
        partial = self._path / f".{name}{_PARTIAL}"
        done = 0
        with disk_errors(self._path), file.open("rb") as source:
            if shutil.disk_usage(self._path).free < os.fstat(source.fileno()).st_size:
                raise no_space(self._path)
            try:
                descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as copy:
                    while chunk := source.read(CHUNK):
                        copy.write(chunk)
                        done += len(chunk)
                        on_progress(done)
                    copy.flush()
                    os.fsync(copy.fileno())
                partial.replace(self._path / name)
            except BaseException:
                with contextlib.suppress(OSError):
                    partial.unlink(missing_ok=True)
                raise
            self._sync()

    def _sync(self) -> None:
        """Make what was renamed and deleted outlive a power cut, where that can be asked for."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """The content of a file; what is beyond ``size`` is read as well, to be noticed."""
        del size
        with disk_errors(self._path), (self._path / name).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def delete(self, name: str) -> None:
        """Delete a file."""
        with disk_errors(self._path):
            (self._path / name).unlink(missing_ok=True)
            self._sync()

    def clean(self, series: str) -> None:
        """Delete what an interrupted :meth:`put` of this series left."""
        with disk_errors(self._path):
            for path in list(self._path.iterdir()):
                name = parse_name(path.name.removeprefix(".").partition(".")[0])
                is_partial = path.name.startswith(".") and path.name.endswith(_PARTIAL)
                if is_partial and name is not None and name.series == series:
                    path.unlink(missing_ok=True)
