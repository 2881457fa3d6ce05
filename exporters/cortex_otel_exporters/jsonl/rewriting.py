"""Log files written anew: without some of their lines, or compressed.

It is done under the file's lock. Who appends meanwhile waits for it, sees that the file it has open
isn't there any more, and goes on in the new one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel_exporters.disk import delete_unfinished, writing
from cortex_otel_exporters.jsonl.files import exclusively, log_names, without_half_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["Erased", "Pieces", "count_lines", "delete_before", "erase_lines", "write_anew"]

_PIECE: Final = 1 << 20
#: How often the files are listed again: one may be compressed while another is looked at.
_MOST_ROUNDS: Final = 5


class Erased(NamedTuple):
    """What an erasure met in log files."""

    locked: list[Path]
    """Left as they were: another process had them locked for long."""
    damaged: list[Path]
    """Written anew as far as they could be read; the rest, which nobody could read, went."""
    failed: list[tuple[Path, str]]
    """Left as they were, and why: what the operating system says."""


class Pieces:
    """The content of a file, compressed or not, as far as it can be read.

    Args:
        path: of the file.
        is_compressed: by default as its name says (``….gz``).
    """

    def __init__(self, path: Path, *, is_compressed: bool | None = None) -> None:
        self._path = path
        self._is_compressed = path.suffix == ".gz" if is_compressed is None else is_compressed
        self.is_cut = False
        """Whether it is damaged, so that there was more; known when it was read."""

    def __iter__(self) -> Iterator[bytes]:
        """Pieces of up to a MiB.

        Raises:
            OSError: it can't be opened, or the disk can't be read.
        """
        if not self._is_compressed:
            with self._path.open("rb") as plain:
                while piece := plain.read1(_PIECE):
                    yield piece
            return
        import gzip  # noqa: PLC0415 - not in a host
        import zlib  # noqa: PLC0415 - the same

        with gzip.open(self._path) as packed:
            while True:
                try:
                    piece = packed.read1(_PIECE)  # read() loses what it has got before an error
                except (EOFError, gzip.BadGzipFile, zlib.error):
                    self.is_cut = True
                    return
                if not piece:
                    return
                yield piece

    def lines(self) -> Iterator[bytes]:
        """Each line, with its end; the last may have none."""
        rest = b""
        for piece in self:
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line + b"\n"
        if rest:
            yield rest


def count_lines(directory: Path, is_meant: Callable[[bytes], bool]) -> int:
    """How many lines of the log are meant, as far as its files can be read."""
    return sum(_count(directory / name.text, is_meant) for name in log_names(directory))


def erase_lines(
    directory: Path, is_meant: Callable[[bytes], bool], patience_seconds: float
) -> Erased:
    """Write all files that have lines that are meant anew without these.

    Args:
        directory: of the log.
        is_meant: of a line.
        patience_seconds: how long to wait for the lock of a file.
    """
    erased = Erased([], [], [])
    delete_unfinished(directory)
    done: dict[Path, tuple[int, int] | None] = {}  # with inode and size; None: given up
    for _ in range(_MOST_ROUNDS):
        is_changed = False
        for name in log_names(directory):
            path = directory / name.text
            try:
                status = path.stat()
                if path in done and done[path] in {None, (status.st_ino, status.st_size)}:
                    continue
                is_changed = True
                if not _count(path, is_meant, most=1):
                    done[path] = status.st_ino, status.st_size
                elif _erase(path, is_meant, patience_seconds):
                    erased.damaged.append(path)
            except FileNotFoundError:  # it has another name now
                is_changed = True
            except BlockingIOError:
                done[path] = None
                erased.locked.append(path)
            except OSError as error:
                done[path] = None
                erased.failed.append((path, error.strerror or type(error).__name__))
        if not is_changed:
            break
    return erased


def delete_before(directory: Path, day: str, patience_seconds: float) -> tuple[int, list[Path]]:
    """Delete the files of days before one, also those that are just being compressed.

    Args:
        directory: of the log.
        day: ``2026-11-28``, the first that stays.
        patience_seconds: how long to wait for the lock of a file.

    Returns:
        How many are gone, and which are locked by another process.

    Raises:
        OSError: one can't be deleted.
    """
    gone: set[tuple[str, int]] = set()
    locked: list[Path] = []
    for _ in range(_MOST_ROUNDS):
        old = [name for name in log_names(directory) if name.day < day]
        paths = {directory / name.text: name for name in old}
        if not paths.keys() - {*locked}:
            break
        for path in paths.keys() - {*locked}:
            try:
                with exclusively(path, patience_seconds):
                    path.unlink()
                gone.add(paths[path][:2])
            except FileNotFoundError:  # it has another name now
                pass
            except BlockingIOError:
                locked.append(path)
    return len(gone), locked


def write_anew(path: Path, descriptor: int, pieces: Iterable[bytes]) -> None:
    """Write a file of the log in place of another, as old as that.

    Args:
        path: of the new file; ``….gz``: it is compressed.
        descriptor: the other, open and locked.
        pieces: the content.

    Raises:
        OSError: it can't be written; nothing was changed.
    """
    status = os.fstat(descriptor)
    with writing(path) as file:
        if path.suffix == ".gz":
            import gzip  # noqa: PLC0415 - not in a host

            with gzip.GzipFile("", "wb", 6, file, mtime=int(status.st_mtime)) as packed:
                packed.writelines(pieces)
        else:
            file.writelines(pieces)
        file.flush()
        os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _count(path: Path, is_meant: Callable[[bytes], bool], most: int = 0) -> int:
    """How many lines are meant; no further than to ``most``, if that isn't 0."""
    count = 0
    try:
        for line in Pieces(path).lines():
            count += is_meant(line)
            if most and count >= most:
                break
    except OSError:
        if most:
            raise
    return count


def _erase(path: Path, is_meant: Callable[[bytes], bool], patience_seconds: float) -> bool:
    """Whether it was damaged; raises as :func:`exclusively` and :func:`write_anew`."""
    with exclusively(path, patience_seconds) as descriptor:
        if path.suffix != ".gz":
            without_half_line(descriptor, os.fstat(descriptor).st_size)
        pieces = Pieces(path)
        kept = (line for line in pieces.lines() if line.endswith(b"\n") and not is_meant(line))
        write_anew(path, descriptor, kept)
        return pieces.is_cut
