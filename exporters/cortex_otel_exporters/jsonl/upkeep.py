"""What becomes of the files that are full or of another day: compressed, and deleted in the end.

Compressing takes CPU, so it is a job of ``cortex-otel serve`` and never done in a host. Deleting is
a matter of microseconds: a host does that too, each time it begins a file, so that the log stays
within its bounds where nothing but hosts runs.

A clock may be wrong. So a file is deleted for its age only if both its name and its time of change
say that it is old, and not while the clock has leapt within the last day (by more than a month, or
backwards): ``clock`` in the directory remembers when it was last looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel_exporters.jsonl.files import (
    LogName,
    locked,
    log_names,
    release,
    without_half_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cortex_otel_exporters.jsonl.policy import LogPolicy

__all__ = ["compress", "make_room"]

_DAY_SECONDS: Final = 86_400
_LEAP_SECONDS: Final = 31 * _DAY_SECONDS
_BACK_SECONDS: Final = 60  # less is a clock being adjusted
_CLOCK: Final = "clock"
_PIECE: Final = 1 << 20


class _File(NamedTuple):
    name: LogName
    path: Path
    size: int
    changed: float
    """Unix seconds."""


def make_room(policy: LogPolicy) -> Counter[tuple[str, str, str]]:
    """Delete the files that are too old, and the oldest while all are too large; a few ms.

    Returns:
        How many, as entries of the store's ledger: ``("log_file", "deleted", "age" | "size")``.

    Raises:
        OSError: the directory can't be read.
    """
    deleted: Counter[tuple[str, str, str]] = Counter()
    now = time.time()
    files = list(_files(policy.directory))
    kept = files[:-1]  # the newest is being written to
    if _clock_is_trusted(policy.directory, now):
        today = policy.day_of(now)
        for file in kept[:]:
            age = (today - date.fromisoformat(file.name.day)).days
            old = age >= policy.days and now - file.changed >= policy.days * _DAY_SECONDS
            if old and _delete(file.path):
                kept.remove(file)
                deleted["log_file", "deleted", "age"] += 1
    total = sum(file.size for file in [*kept, *files[-1:]])
    for file in kept:
        if total <= policy.max_total_bytes:
            break
        if _delete(file.path):
            total -= file.size
            deleted["log_file", "deleted", "size"] += 1
    return deleted


def compress(policy: LogPolicy) -> int:
    """Compress the files that nobody writes to any more and that have been plain for long enough.

    May be killed at any moment: a file is there plain, or compressed, or both for a moment.

    Returns:
        How many were compressed.

    Raises:
        OSError: one can't be; those before it are.
    """
    today = policy.day_of(time.time()).isoformat()
    names = [each for each in log_names(policy.directory) if each.day <= today]
    # By the newest of today's, or where the next would be written if there is none.
    current = max((each.part for each in names if each.day == today), default=0)
    done = 0
    _forget_unfinished(policy.directory)
    for name in names:
        if name.is_compressed or (name.day, name.part) == (today, current):
            continue
        age = (date.fromisoformat(today) - date.fromisoformat(name.day)).days
        if (age > policy.plain_days or not policy.plain_days) and _compress(policy.directory, name):
            done += 1
    return done


def _files(directory: Path) -> Iterator[_File]:
    for name in log_names(directory):
        path = directory / name.text
        with contextlib.suppress(FileNotFoundError):
            status = path.stat(follow_symlinks=False)
            yield _File(name, path, status.st_size, status.st_mtime)


def _delete(path: Path) -> bool:
    """Delete a file that nobody is just writing to."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        if not locked(descriptor):
            return False
        path.unlink(missing_ok=True)
    finally:
        release(descriptor)
    return True


def _compress(directory: Path, name: LogName) -> bool:
    """Replace a file by its compressed form; ``False`` if somebody writes to it."""
    import gzip  # noqa: PLC0415 - not in a host

    path = directory / name.text
    target = path.with_name(f"{path.name}.gz")
    unfinished = path.with_name(f"{path.name}.gz.tmp")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        if not locked(descriptor):
            return False
        status = os.fstat(descriptor)
        if target.exists():
            # Killed before it deleted the plain one, which nobody has written to since.
            path.unlink()
            return True
        without_half_line(descriptor, status.st_size)
        # Under the lock, so nobody else is at work on it, whatever a killed one left.
        output = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(output, "wb") as raw, os.fdopen(descriptor, "rb", closefd=False) as plain:
            with gzip.GzipFile("", "wb", 6, raw, mtime=int(status.st_mtime)) as packed:
                shutil.copyfileobj(plain, packed, _PIECE)
            raw.flush()
            os.fsync(output)
        os.utime(unfinished, ns=(status.st_atime_ns, status.st_mtime_ns))
        unfinished.rename(target)
        path.unlink()
    finally:
        release(descriptor)
    return True


def _forget_unfinished(directory: Path) -> None:
    """Delete what a compression that was killed, or met a full disk, has left."""
    for path in directory.glob("cortex-*.jsonl.gz.tmp"):
        plain = path.with_name(path.name.removesuffix(".gz.tmp"))
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(plain, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            try:
                if not locked(descriptor):
                    continue  # it is being made
            finally:
                release(descriptor)
        path.unlink(missing_ok=True)


def _clock_is_trusted(directory: Path, now: float) -> bool:
    """Whether the clock has gone as clocks do for a day at least."""
    path = directory / _CLOCK
    seen = since = now
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(path.read_bytes())
        seen, since = float(told["seen"]), float(told["since"])
    if not -_BACK_SECONDS <= now - seen <= _LEAP_SECONDS or not since <= now:
        since = now
    unfinished = path.with_name(f"{_CLOCK}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"seen": now, "since": since}, file)
        unfinished.rename(path)
    return now - since >= _DAY_SECONDS
