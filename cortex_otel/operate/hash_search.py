"""Where a user's hash is: in which lines of the log, and in which files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cortex_otel_exporters.jsonl.rewriting import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cortex_otel.settings import Settings

__all__ = ["Found", "holds", "is_theirs", "search"]

_HASH_DIGITS: Final = 64
#: How often directories are listed again: a file may get another name while it is looked for.
_MAX_ROUNDS: Final = 5


class Found(NamedTuple):
    """What a search for hashes has found."""

    places: list[Path]
    """Files that hold one."""
    unread: list[Path]
    """Files and directories that couldn't be read, or not to their ends, and may hold one."""


def is_theirs(hashes: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a line of the log is of these users."""
    needles = [each.encode() for each in hashes]
    return lambda line: any(needle in line for needle in needles)


def search(settings: Settings, hashes: Iterable[str]) -> Found:
    """Look for hashes in every file of the home, and of the directory of the log."""
    found = Found([], [])
    seen: set[Path] = set()
    hashes = tuple(hashes)
    for _ in range(_MAX_ROUNDS):
        unread: set[Path] = set()
        files = {*_files(settings.home, unread), *_files(settings.log_directory, unread)}
        if not (new := (files | unread) - seen):
            break
        seen |= new
        for path in sorted(new):
            state = "unread" if path in unread else _state(path, hashes)
            if state == "held":
                found.places.append(path)
            elif state == "unread":
                found.unread.append(path)
    return found


def holds(path: Path, hashes: Iterable[str]) -> bool:
    """Whether a file is known to hold one of the hashes."""
    return _state(path, hashes) == "held"


def _files(directory: Path, unread: set[Path]) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            unread.add(Path(error.filename))

    for parent, _directories, names in os.walk(directory, onerror=failed):
        yield from (Path(parent, name) for name in names)


def _state(path: Path, hashes: Iterable[str]) -> Literal["held", "clean", "unread"]:
    needles = [each.encode() for each in hashes]
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return "clean"
        pieces = Pieces(path)
        if _are_in(pieces, needles):
            return "held"
        if not pieces.is_cut:
            return "clean"
        # It is called compressed, and may not be.
        return "held" if _are_in(Pieces(path, is_compressed=False), needles) else "unread"
    except FileNotFoundError:
        return "clean"
    except OSError:
        return "unread"


def _are_in(pieces: Iterable[bytes], needles: list[bytes]) -> bool:
    """Over the ends of pieces, too."""
    rest = b""
    for piece in pieces:
        joined = rest + piece
        if any(needle in joined for needle in needles):
            return True
        rest = joined[-_HASH_DIGITS:]
    return False
