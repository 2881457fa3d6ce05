"""Bytes on their way: counted, hashed, and with the error that stopped them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Digest", "Pulled", "Pushed", "Writable"]


class Writable(Protocol):
    """What takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Take all of ``data``."""


@dataclass(slots=True)
class Digest:
    """Size and SHA-256 of what has passed."""

    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        """Take ``data`` into account."""
        self.size += len(data)
        self._hash.update(data)

    @property
    def sha256(self) -> str:
        """Hex digits, of what has passed so far."""
        digest: str = self._hash.hexdigest()
        return digest


class Pulled:
    """Chunks, as a file to read from.

    What an iterator raises passes through libraries in Rust as an error of theirs: the first one
    is kept.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")  # age reads 8 kB at a time: no copies of what is left
        self.error: BaseException | None = None
        self.digest = Digest()

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; none at the end."""
        try:
            while not self._left:
                chunk = next(self._chunks, None)
                if chunk is None:
                    return b""
                self.digest.add(chunk)
                self._left = memoryview(chunk)
        except BaseException as error:
            self.error = self.error or error
            raise
        part = bytes(self._left if size < 0 else self._left[:size])
        self._left = self._left[len(part) :]
        return part


class Pushed:
    """A file to write to, that keeps the first error and counts."""

    def __init__(self, file: Writable) -> None:
        self._file = file
        self.error: BaseException | None = None
        self.digest = Digest()

    def write(self, data: bytes) -> int:
        """Pass ``data`` on."""
        try:
            self._file.write(data)
        except BaseException as error:
            self.error = self.error or error
            raise
        self.digest.add(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""
