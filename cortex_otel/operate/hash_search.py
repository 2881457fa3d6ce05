"""A user's hash in files: lines of the log are erased, other files are found."""

from __future__ import annotations

import contextlib
import gzip
import os
from typing import TYPE_CHECKING, Final

from cortex_otel_exporters.jsonl.files import locked, release, without_half_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cortex_otel.settings import Settings

__all__ = ["count_lines", "erase_lines", "holds", "places_of"]

_HASH_DIGITS: Final = 64
_PIECE: Final = 1 << 20


def places_of(settings: Settings, hashes: Iterable[str]) -> Iterator[Path]:
    """Files of the home, and log files, that hold any of the hashes."""
    hashes = tuple(hashes)
    files = {*settings.home.rglob("*"), *settings.log_directory.rglob("*")}
    for path in sorted(files):
        if path.is_file() and not path.is_symlink() and holds(path, hashes):
            yield path


def count_lines(path: Path, hashes: tuple[str, ...]) -> int:
    """How many lines of a log file, compressed or not, are of these users."""
    with contextlib.suppress(FileNotFoundError):
        return sum(_is_theirs(line, hashes) for line in _lines(path))
    return 0


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        yield from file


def _is_theirs(line: bytes, hashes: tuple[str, ...]) -> bool:
    return any(each.encode() in line for each in hashes)


def erase_lines(path: Path, hashes: tuple[str, ...], timeout_seconds: float) -> bool:
    """Write a log file anew without their lines; who appends meanwhile goes on in the new one.

    Returns:
        ``False`` if another process held its lock for that long: nothing is changed.
    """
    if not count_lines(path, hashes):
        return True
    descriptor = os.open(path, os.O_RDWR)
    try:
        if not locked(descriptor, timeout_seconds):
            return False
        if path.suffix != ".gz":
            without_half_line(descriptor, os.fstat(descriptor).st_size)
        new = path.with_name(f".{path.name}.erasing")
        try:
            with gzip.open(new, "wb") if path.suffix == ".gz" else new.open("wb") as file:
                new.chmod(0o600)
                file.writelines(line for line in _lines(path) if not _is_theirs(line, hashes))
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    finally:
        release(descriptor)
    return True


def holds(path: Path, hashes: tuple[str, ...]) -> bool:
    """Whether a file holds one of the hashes, over the ends of pieces too."""
    needles = [each.encode() for each in hashes]
    rest = b""
    with (
        contextlib.suppress(OSError, EOFError),
        gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file,
    ):
        while piece := file.read(_PIECE):
            joined = rest + piece
            if any(needle in joined for needle in needles):
                return True
            rest = joined[-_HASH_DIGITS:]
    return False
