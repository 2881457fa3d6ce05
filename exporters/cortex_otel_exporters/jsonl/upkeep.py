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
import time
from collections import Counter
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel_exporters.disk import delete_unfinished, write_whole
from cortex_otel_exporters.jsonl.files import (
    LogName,
    exclusively,
    log_names,
    without_half_line,
)
from cortex_otel_exporters.jsonl.rewriting import write_anew

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


def make_room(
    policy: LogPolicy, deleted: Counter[tuple[str, str, str]] | None = None
) -> Counter[tuple[str, str, str]]:
    """Delete the files that are too old, and the oldest while all are too large; a few ms.

    Args:
        policy: what is kept.
        deleted: where to add how many, as soon as they are: an error may come after them.

    Returns:
        How many, as entries of the store's ledger: ``("log_file", "deleted", "age" | "size")``.

    Raises:
        OSError: the directory can't be read, or a file can't be deleted.
    """
    deleted = Counter() if deleted is None else deleted
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
    delete_unfinished(policy.directory)
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
    with contextlib.suppress(FileNotFoundError, BlockingIOError), exclusively(path):
        path.unlink()
        return True
    return False


def _compress(directory: Path, name: LogName) -> bool:
    """Replace a file by its compressed form; ``False`` if somebody writes to it."""
    path = directory / name.text
    target = path.with_name(f"{path.name}.gz")
    with (
        contextlib.suppress(FileNotFoundError, BlockingIOError),
        exclusively(path) as descriptor,
    ):
        # Where there are both, the plain one is what was left to delete: nobody has written to it
        # since.
        if not target.exists():
            without_half_line(descriptor, os.fstat(descriptor).st_size)
            with os.fdopen(descriptor, "rb", closefd=False) as plain:
                write_anew(target, descriptor, iter(partial(plain.read, _PIECE), b""))
        path.unlink()
        return True
    return False


def _clock_is_trusted(directory: Path, now: float) -> bool:
    """Whether the clock has gone as clocks do for a day at least."""
    path = directory / _CLOCK
    seen = since = now
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads(path.read_bytes())
        seen, since = float(told["seen"]), float(told["since"])
    if not -_BACK_SECONDS <= now - seen <= _LEAP_SECONDS or not since <= now:
        since = now
    with contextlib.suppress(OSError):
        write_whole(path, json.dumps({"seen": now, "since": since}).encode())
    return now - since >= _DAY_SECONDS
