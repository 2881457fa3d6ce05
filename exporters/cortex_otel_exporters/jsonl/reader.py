"""Lines of the log: the latest, and those that follow, across rotation and compression.

Only whole lines of ours count: what a killed process or another program left is passed over.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cortex_otel_exporters.jsonl.files import LogName, log_name, log_names
from cortex_otel_exporters.jsonl.line import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Line", "LogMissingError", "LogReader"]

_PIECE: Final = 65_536
#: Longer ones aren't ours: the store refuses such records.
_MAX_LINE_LENGTH: Final = 1 << 20
_HEAD: Final = 64
_NAMES: Final = frozenset(each.name for each in FIELDS)


class LogMissingError(Exception):
    """There is no log file."""


class Line(NamedTuple):
    """A line of the log."""

    text: str
    """As it stands in the file, without its end."""
    fields: dict[str, Any]


class _Place(NamedTuple):
    """How far a plain file has been read."""

    inode: int
    offset: int
    head: bytes
    """How the file begins, with a time: inodes are used again."""


class LogReader:
    """Reads a directory of log files, or one of them.

    Args:
        path: the directory, or a file in it; of a file, :meth:`poll` goes on with those after it.
        wanted: which lines, by their fields.
    """

    def __init__(self, path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
        self._path, self._wanted = path, wanted
        self._places: dict[tuple[str, int], _Place] = {}

    def latest(self, count: int) -> list[Line]:
        """The ``count`` latest lines, in the order of the files; :meth:`poll` goes on after them.

        Raises:
            LogMissingError: there is no file.
            OSError: a file can't be read.
        """
        found: deque[Line] = deque()
        sources = list(self._sources(only=True))
        if not sources:
            raise LogMissingError
        for name, path in reversed(sources):
            more = count - len(found)
            with contextlib.suppress(FileNotFoundError):  # it has just been compressed or deleted
                found.extendleft(
                    self._last_compressed(path, more)
                    if name.is_compressed
                    else self._last(name, path, more)
                )
        return list(found)

    def poll(self, most: int) -> list[Line]:
        """Lines written since the last call, ``most`` and a few more at most.

        Raises:
            OSError: a file can't be read.
        """
        found: list[Line] = []
        sources = list(self._sources(only=False))
        keys = {name[:2] for name, _ in sources}
        self._places = {key: place for key, place in self._places.items() if key in keys}
        for name, path in sources:
            if len(found) >= most:
                break
            with contextlib.suppress(FileNotFoundError):
                if name.is_compressed:
                    found += self._rest_compressed(name, path)
                else:
                    found += self._rest(name, path, most - len(found))
        return found

    def _sources(self, *, only: bool) -> Iterator[tuple[LogName, Path]]:
        """The files, oldest first; of one that is there in both forms, the compressed one."""
        if self._path.is_dir():
            directory, first = self._path, None
        else:
            directory, first = self._path.parent, log_name(self._path.name)
            if only or first is None:
                if self._path.exists():
                    is_compressed = self._path.suffix == ".gz"
                    name = first or LogName(self._path.name, 1, is_compressed)
                    yield name, self._path
                return
        latest = {name[:2]: name for name in log_names(directory)}
        for key, name in latest.items():
            if first is None or key >= first[:2]:
                yield name, directory / name.text

    def _last(self, name: LogName, path: Path, count: int) -> Iterator[Line]:
        """The last lines of a plain file, newest first."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            end: int | None = None
            for offset, text in _backwards(file.fileno(), status.st_size):
                if end is None:  # what stands after the last line end isn't whole yet
                    end = offset
                    self._places[name[:2]] = _Place(status.st_ino, end, _head(file.fileno()))
                    continue
                if not count:
                    return
                if (line := self._line(text)) is not None:
                    count -= 1
                    yield line

    def _last_compressed(self, path: Path, count: int) -> list[Line]:
        lines = deque(self._compressed(path, 0) if count else (), maxlen=count)
        return list(lines)[::-1]

    def _compressed(self, path: Path, offset: int) -> Iterator[Line]:
        # A cut or damaged file is read as far as that goes.
        with contextlib.suppress(EOFError, gzip.BadGzipFile, zlib.error), gzip.open(path) as file:
            file.seek(offset)
            while text := file.readline(_MAX_LINE_LENGTH):
                if (line := self._line(text.removesuffix(b"\n"))) is not None:
                    yield line

    def _rest(self, name: LogName, path: Path, most: int) -> list[Line]:
        place = self._places.get(name[:2])
        status = path.stat()
        if place is not None and place[:2] == (status.st_ino, status.st_size):
            return []
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            head = _head(file.fileno())
            is_same = (
                place is not None and place.inode == status.st_ino and head.startswith(place.head)
            )
            offset = place.offset if place is not None and is_same else 0
            if offset > status.st_size:
                # What a full disk had room for of a batch was cut off again.
                offset, _ = next(_backwards(file.fileno(), status.st_size))
            file.seek(offset)
            found: list[Line] = []
            while len(found) < most and (text := file.readline(_MAX_LINE_LENGTH)).endswith(b"\n"):
                offset += len(text)
                if (line := self._line(text[:-1])) is not None:
                    found.append(line)
            if len(text) == _MAX_LINE_LENGTH and not text.endswith(b"\n"):
                offset += len(text)
        self._places[name[:2]] = _Place(status.st_ino, offset, head)
        return found

    def _rest_compressed(self, name: LogName, path: Path) -> Iterator[Line]:
        """What wasn't read of a file before it was compressed."""
        place = self._places.pop(name[:2], None)
        if place is not None:
            yield from self._compressed(path, place.offset)

    def _line(self, text: bytes) -> Line | None:
        if not text.isascii():
            return None
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict) or fields.keys() != _NAMES or not self._wanted(fields):
            return None
        return Line(text.decode("ascii"), fields)


def _head(descriptor: int) -> bytes:
    return os.pread(descriptor, _HEAD, 0)


def _backwards(descriptor: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Lines of an open file from its end, each with its offset; first what follows the last end."""
    rest, start = b"", size
    while start > 0:
        length = min(_PIECE, start)
        start -= length
        rest = os.pread(descriptor, length, start) + rest
        first, mark, others = rest.partition(b"\n")
        if not mark:
            rest = rest if len(rest) < _MAX_LINE_LENGTH else b""
            continue
        at = start + len(rest)
        for text in reversed(others.split(b"\n")):
            at -= len(text)
            yield at, text
            at -= 1
        rest = first
    yield 0, rest
