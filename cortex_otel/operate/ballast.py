"""A file that takes room for nothing, to be deleted when the disk is full.

On a disk without a free byte SQLite can't delete either: a deletion is first written to the
write-ahead log, what is in the log can be copied to the database only where that doesn't grow by
it, and a database that nobody has open can't even be read, since its ``-shm`` file can't be made.
So a little room is kept for that moment, as CockroachDB does it
(https://www.cockroachlabs.com/docs/stable/cluster-setup-troubleshooting#automatic-ballast-files).

Processes that record wait for room as well, with thousands of records, and would soon have taken
all of it. So it is given up at the last moment, by who is about to delete and has the write lock; a
lease gets a small part of it before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from cortex_otel.query.analysis import SUFFIX as DERIVED_SUFFIX

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BALLAST_SUFFIX", "give_some", "is_needed", "is_there", "keep", "release"]

BALLAST_SUFFIX: Final = ".ballast"
#: Two logs as long as they get (4 MB): one to be copied, one to delete through.
_BYTES: Final = 8_000_000
#: Room for less is of no use, and more than this share of what is free isn't taken.
_FEWEST_BYTES, _SHARE = 1_000_000, 2
#: Free bytes below which a disk counts as full.
_FULL_BYTES: Final = 4_000_000
_PIECE: Final = 1 << 18
#: For the -shm file, and a log of a lease's few pages.
_SOME_BYTES: Final = 1_000_000


def is_needed(database: Path) -> bool:
    """Whether the disk of ``database``, which need not exist, is full."""
    with contextlib.suppress(OSError):
        return database.exists() and shutil.disk_usage(database.parent).free < _FULL_BYTES
    return False


def keep(database: Path) -> None:
    """Have it beside ``database``, if that exists and the disk has room; never raises."""
    path = _path(database)
    with contextlib.suppress(OSError):
        size = path.stat().st_size if path.exists() else 0
        if size >= _BYTES or not database.exists():
            return
        free = shutil.disk_usage(database.parent).free
        wanted = min(_BYTES, size + free // _SHARE)
        if wanted < max(_FEWEST_BYTES, size + _PIECE):
            return
        try:
            _lengthen(path, wanted - size)
        except OSError:
            path.unlink(missing_ok=True)


def give_some(database: Path) -> None:
    """Make it shorter, if the disk is full: something small is to be written; never raises."""
    if is_needed(database):
        path = _path(database)
        with contextlib.suppress(OSError):
            os.truncate(path, max(0, path.stat().st_size - _SOME_BYTES))


def is_there(database: Path) -> bool:
    """Whether :func:`release` would delete anything."""
    return any(path.exists() for path in _files(database))


def release(database: Path) -> bool:
    """Delete it, and what can be made again of ``database``; whether there was anything."""
    found = False
    for path in _files(database):
        with contextlib.suppress(OSError):
            path.unlink()
            found = True
    return found


def _lengthen(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        while size > 0:
            # A file system that compresses takes no room for zeros.
            size -= file.write(os.urandom(min(size, _PIECE)))


def _files(database: Path) -> tuple[Path, Path]:
    return _path(database), database.with_name(database.name + DERIVED_SUFFIX)


def _path(database: Path) -> Path:
    return database.with_name(database.name + BALLAST_SUFFIX)
