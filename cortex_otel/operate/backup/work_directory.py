"""Where a copy is made or unpacked: a directory in the home, plain inside, and gone afterwards.

What a killed backup or restore left is a whole copy of what was recorded.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cortex_otel.operate.backup.errors import BackupError, disk_errors
from cortex_otel.operate.backup.series import exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BACKUP", "RESTORE", "all_of", "delete_left", "work_directory"]

BACKUP: Final = ".backup-"
"""Of one backup at a time: see :func:`.exclusive`."""
RESTORE: Final = ".restore-"
"""Of any number of them, each with the number of its process."""


@contextlib.contextmanager
def work_directory(home: Path, prefix: str) -> Iterator[Path]:
    """A new one, of the modes and on the disk of what is copied.

    What was left is deleted first.

    Args:
        home: where.
        prefix: ``BACKUP``, for who holds the lock of backups, or ``RESTORE``.

    Raises:
        BackupError: it can't be made.
    """
    with disk_errors(home):
        _delete(home, prefix)
        work = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=home))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def all_of(home: Path) -> list[Path]:
    """Those that there are."""
    return [path for prefix in (BACKUP, RESTORE) for path in sorted(home.glob(f"{prefix}*"))]


def delete_left(home: Path) -> None:
    """Delete those of processes that are gone; never raises."""
    if not all_of(home):
        return
    with contextlib.suppress(OSError):
        _delete(home, RESTORE)
    with contextlib.suppress(OSError, BackupError), exclusive(home):
        _delete(home, BACKUP)


def _delete(home: Path, prefix: str) -> None:
    for left in home.glob(f"{prefix}*"):
        if prefix == BACKUP or not _is_used(left):
            shutil.rmtree(left, ignore_errors=True)


def _is_used(work: Path) -> bool:
    from cortex_otel.query.writers import process_exists  # noqa: PLC0415 - only for what is left

    pid = work.name.removeprefix(RESTORE).partition("-")[0]
    return pid.isdigit() and process_exists(int(pid))
