"""The files of the log: their names, and how several processes append to one.

``cortex-2026-11-28.001.jsonl``: the day in the project's time zone on which its lines were written,
and which of that day's files it is. So rotation is only another name, and nothing is renamed under
a process that writes: at midnight each takes the new day's file, and a file that is full is left
for the next. ``….jsonl.gz`` is the compressed form of a file that nobody writes to any more.

A file is opened for each batch, locked (``flock``), appended to and closed. That costs some 50 µs,
and nothing is left open: no file that was deleted meanwhile, none that a forked child shares, none
that keeps its neighbours waiting while this process idles.

What a ``kill -9`` or a power cut leaves of a line is cut off by whoever locks the file next, so
that every line can be parsed, and what a full disk leaves by the process that met it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel_exporters import native
from cortex_otel_exporters.disk import make_private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "Appended", "Appender", "LogName", "locked", "log_name", "log_names", "name_of", "release",
    "without_half_line",
]  # fmt: skip

_NAME: Final = re.compile(r"cortex-(\d{4}-\d\d-\d\d)\.(\d{3,9})\.jsonl(\.gz)?", re.ASCII)
# Not through a link, and never waiting for the other end of a pipe.
_FLAGS: Final = (
    os.O_RDWR | os.O_APPEND | os.O_CREAT
    | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)  # fmt: skip
# Another process holds the lock for one write. Who holds it for longer is stopped or compresses:
# then the next file is used.
_PATIENCE_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 0.001
_MAX_TRIES: Final = 5
_PIECE: Final = 65_536


class LogName(NamedTuple):
    """The name of a file of the log, in order of age."""

    day: str
    """``2026-11-28``."""
    part: int
    """From 1 on."""
    is_compressed: bool

    @property
    def text(self) -> str:
        """As in the directory."""
        return name_of(self.day, self.part) + (".gz" if self.is_compressed else "")


class Appended(NamedTuple):
    """What became of a batch of lines that was appended."""

    is_new_file: bool
    was_cut: bool
    """Whether a half line of a dead process was cut off before."""


def name_of(day: date | str, part: int) -> str:
    """The name of the ``part``-th file of ``day``."""
    return f"cortex-{day}.{part:03d}.jsonl"


def log_names(directory: Path) -> list[LogName]:
    """The files of the log in ``directory``, oldest first; other files aren't ours.

    Raises:
        OSError: the directory can't be read; one that isn't there is empty.
    """
    with contextlib.suppress(FileNotFoundError):
        names = map(log_name, os.listdir(directory))  # noqa: PTH208 - names are enough
        return sorted(name for name in names if name is not None)
    return []


def log_name(text: str) -> LogName | None:
    """The name of a file of the log; ``None`` if it is none."""
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    try:
        date.fromisoformat(found[1])
    except ValueError:
        return None
    return LogName(found[1], int(found[2]), found[3] is not None)


class Appender:
    """Appends whole lines to the current file; for one thread.

    Args:
        directory: of the log; made with mode 0700.
        max_bytes: of a file, as long as a batch isn't larger.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._day, self._part, self._path = "", 0, ""

    def append(self, lines: bytes, day: str) -> Appended:
        """Append ``lines`` to the file of ``day``, all or nothing.

        Raises:
            OSError: it can't be done; ``BlockingIOError`` if others keep the files locked.
        """
        if day != self._day:
            self._go_on(day, 0)
        for _ in range(_MAX_TRIES):
            descriptor = self._open()
            try:
                if not locked(descriptor, _PATIENCE_SECONDS):
                    self._go_on(day, self._part)
                    continue
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError("not a file")
                if not status.st_nlink:  # compressed or deleted since it was opened
                    continue
                if os.path.exists(f"{self._path}.gz"):  # noqa: PTH110 - as below
                    if not status.st_size:  # just made, where it had gone already
                        os.unlink(self._path)  # noqa: PTH108 - as below
                    self._go_on(day, self._part)
                    continue
                size = without_half_line(descriptor, status.st_size)
                if size and size + len(lines) > self._max_bytes:
                    self._go_on(day, self._part)
                    continue
                _write_all(descriptor, lines, size)
                return Appended(not size, size < status.st_size)
            finally:
                release(descriptor)
        raise BlockingIOError("the files of the log are locked")

    def _go_on(self, day: str, after: int) -> None:
        """Go on to the newest file of ``day``, which is not older than the one ``after`` that."""
        parts = [each.part for each in log_names(self._directory) if each.day == day]
        self._part = max([after + 1, *parts])
        # As text: a Path is made into text at each use, which costs as much as writing.
        self._path = str(self._directory / name_of(day, self._part))
        self._day = day

    def _open(self) -> int:
        try:
            return os.open(self._path, _FLAGS, 0o600)
        except FileNotFoundError:
            make_private_directory(self._directory)
            return os.open(self._path, _FLAGS, 0o600)


def locked(descriptor: int, patience_seconds: float = 0) -> bool:
    """Lock an open file for this process alone, until it is closed; ``False`` if others have it."""
    import fcntl  # noqa: PLC0415 - POSIX; elsewhere there is no log file

    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            native.sleep(_PAUSE_SECONDS)
        else:
            return True


def release(descriptor: int) -> None:
    """Unlock and close a file that :func:`locked` may have locked."""
    import fcntl  # noqa: PLC0415 - as above

    # Closing alone wouldn't do where a child that was forked meanwhile has the file, too.
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def without_half_line(descriptor: int, size: int) -> int:
    """Cut off what stands after the last line end of an open, locked file; the size it has then."""
    end = size
    for start, piece in _pieces_from_the_end(descriptor, size):
        found = piece.rfind(b"\n")
        if found >= 0 or not start:
            end = start + found + 1
            break
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def _pieces_from_the_end(descriptor: int, size: int) -> Iterator[tuple[int, bytes]]:
    # Of a file in order, its last byte tells.
    length = 1
    while size > 0:
        start = max(0, size - length)
        yield start, os.pread(descriptor, size - start, start)
        size, length = start, _PIECE


def _write_all(descriptor: int, lines: bytes, size: int) -> None:
    """Append ``lines``; nothing of them if that fails."""
    rest = memoryview(lines)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise
