"""What every store on a disk needs: a directory of its own, and a name for what is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["identity_of", "make_private_directory", "trouble_of_errno"]


def make_private_directory(directory: Path) -> None:
    """Create ``directory`` and its missing parents with mode 0700.

    ``Path.mkdir(parents=True)`` creates the parents with the umask's mode: anyone who can write
    there could replace our directory.
    """
    if not directory.is_dir():
        if directory.parent != directory:
            make_private_directory(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def trouble_of_errno(number: int | None) -> str:
    """What an ``OSError`` means: ``disk_full``, ``read_only`` or ``unavailable``."""
    import errno  # noqa: PLC0415 - only on a failing disk

    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "disk_full"
    if number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "read_only"
    return "unavailable"


def identity_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at ``path``; ``None`` if there is none.

    A writer compares them before each transaction: it must not go on writing to a database that was
    deleted, or set aside by another process, and that nobody reads.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - once per batch; half the cost of Path.stat
    except OSError:
        return None
    return status.st_dev, status.st_ino
