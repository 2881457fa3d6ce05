"""Which copies are of this home, and that only one backup runs at a time.

``backup.json`` beside the database has a random name for the copies of this home, so that several
homes can share a target. It isn't in a copy, and counts for one directory of one machine alone: a
home that was copied, to another machine or beside the first, never deletes the copies of the first.
Nor does one that was moved to another disk: its older copies stay until somebody deletes them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import BackupError, disk_errors
from cortex_otel_exporters.disk import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Series", "exclusive", "read_series", "write_series"]

_FILE = "backup.json"
_LOCK = "backup.lock"
_MACHINE_ID = Path("/etc/machine-id")
_SERIES = re.compile(r"[0-9a-f]{12}")


class Series(NamedTuple):
    """Whose copies a home makes."""

    name: str
    """12 random hex digits."""
    target: str = ""
    """Where the last copy was put."""
    last: str = ""
    """Its name."""


def read_series(home: Path) -> Series:
    """The series of ``home``; a new one, not yet written, if it has none.

    Raises:
        BackupError: the file can't be read.
    """
    path = home / _FILE
    series, is_of_this_home = Series(secrets.token_hex(6)), True
    try:
        with disk_errors(path), contextlib.suppress(FileNotFoundError):
            found = json.loads(path.read_bytes())
            series = Series(*(str(found[key]) for key in ("series", "target", "last")))
            is_of_this_home = found.get("home") == _identity(home, series.name)
    except (ValueError, KeyError, TypeError, RecursionError):
        series = Series("")
    if not _SERIES.fullmatch(series.name):
        raise BackupError(
            N_(
                "{path} is damaged: delete it, and a new series of backups begins; older ones "
                "stay until you delete them"
            ),
            path=path,
        )
    return series if is_of_this_home else Series(secrets.token_hex(6))


def write_series(home: Path, series: Series) -> None:
    """Keep ``series`` in ``home``.

    Raises:
        BackupError: it can't be written.
    """
    path = home / _FILE
    with disk_errors(path):
        content = {
            "series": series.name,
            "home": _identity(home, series.name),
            "target": series.target,
            "last": series.last,
        }
        write_whole(path, json.dumps(content).encode())


def _identity(home: Path, series: str) -> str:
    """A keyed hash of this machine and of the directory.

    Most containers have no id of a machine: there, the device tells one volume from its copy. Else
    it doesn't count, since its number may change whenever the machine starts.
    """
    status = home.stat()
    try:
        place = _MACHINE_ID.read_bytes().strip()
    except OSError:
        place = b""
    place = place or b"device %d" % status.st_dev
    return hashlib.blake2b(
        b"%d %b" % (status.st_ino, place), key=series.encode(), digest_size=16
    ).hexdigest()


@contextlib.contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Nobody else makes a copy of ``home`` meanwhile.

    Raises:
        BackupError: somebody does, or that can't be told.
    """
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:
        yield
        return
    with disk_errors(home):
        descriptor = os.open(home / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        with disk_errors(home / _LOCK):  # files can't be locked everywhere
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(
                    N_("another backup of {home} is running: wait until it is done"), home=home
                ) from None
        yield
    finally:
        os.close(descriptor)
