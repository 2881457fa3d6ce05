"""Lines in pieces that are known again wherever they stand: in a renamed, rotated or grown file.

Where a piece ends is decided by what its last line says, not by where it stands, so that a copy of
a file falls into the same pieces, also behind or before others. The end of a file is a piece that
may have grown next time: then it is known as the beginning of a larger one.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cortex_otel.operate.importing.sources import Line

__all__ = ["PieceHash", "cut"]

_MAX_LINES: Final = 1024  # what is stored in one transaction
_MAX_BYTES: Final = 4 * 1024 * 1024
_ENDS: Final = 0x1FF  # one line in 512 ends a piece
_PERSON: Final = b"cortex.imported"  # other hashes of the same key are of other things
_length = struct.Struct(">Q").pack


def cut(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """The pieces of ``lines``, at most some thousand lines each; none is empty."""
    held: list[Line] = []
    size = 0
    ends = False
    for line in lines:
        # Equal lines in a row stay together: only within a piece they are told to be several.
        is_full = len(held) >= _MAX_LINES or size >= _MAX_BYTES
        if held and (is_full or (ends and line.content != held[-1].content)):
            yield held
            held, size = [], 0
        held.append(line)
        size += len(line.content)
        ends = zlib.crc32(line.content) & _ENDS == _ENDS
    if held:
        yield held


class PieceHash:
    """Keyed hashes of lines.

    Args:
        key: of this installation: nothing can be guessed from a hash, and none compares elsewhere.
        salt: how the lines are read, where they would mean something else otherwise.
    """

    def __init__(self, key: bytes, salt: bytes = b"") -> None:
        self._key = hashlib.blake2b(salt, key=key, person=_PERSON, digest_size=32).digest()

    def lines(self, lines: Sequence[Line]) -> bytes:
        """Of lines in a row."""
        digest = hashlib.blake2b(key=self._key, digest_size=16)
        for line in lines:
            digest.update(_length(len(line.content)))
            digest.update(line.content)
        return digest.digest()

    def first(self, lines: Sequence[Line]) -> bytes:
        """Of the first one, by which a piece is looked up."""
        return self.lines(lines[:1])[:8]

    def identity(self, content: bytes) -> int:
        """64 bits, signed, of what a line says."""
        digest = hashlib.blake2b(content, key=self._key, digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)
