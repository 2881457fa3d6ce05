"""A file, gzip or not, in UTF-8 or UTF-16 → its lines, in bounded memory."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import stat
import sys
import zlib
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["MAX_LINE_BYTES", "Line", "Source", "SourceError"]

#: What is longer is nobody's record; it is read past, a block at a time.
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
_BLOCK: Final = 256 * 1024
_SAMPLE: Final = 64 * 1024
_GZIP: Final = b"\x1f\x8b"
_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class SourceError(Exception):
    """A file that can't be read.

    Args:
        reason: ``missing``, ``directory``, ``no_permission``, ``special`` or ``unreadable``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Line(NamedTuple):
    """One line, without its end."""

    number: int
    """From 1 on, as editors count."""
    content: bytes
    """UTF-8, stripped; empty of a line that is too long."""
    is_whole: bool = True
    """Whether it has an end, or is the last of a file that has none."""
    is_too_long: bool = False


class Source:
    """An open file; a context manager.

    Args:
        path: of the file; ``None`` for stdin.
        name: what people know it by.
        only_regular: refuse what isn't a regular file: a pipe nobody writes to would wait for ever.

    Raises:
        SourceError: it can't be read.
    """

    def __init__(self, path: Path | None, name: str, *, only_regular: bool = False) -> None:
        self.path = path
        self.name = name
        self.size = 0
        """Bytes on disk; 0 if nobody knows."""
        self.trouble = ""
        """Why reading ended before the end: ``gzip_cut``, ``gzip_damaged`` or ``unreadable``."""
        self._head = b""  # read already, and still to be given
        self._raw: IO[bytes] = self._opened(only_regular=only_regular)
        try:
            start = _peek(self._raw)
            self._content: Any = self._raw
            self.is_gzip = start[:2] == _GZIP
            if self.is_gzip:
                self._content = io.BufferedReader(gzip.GzipFile(fileobj=self._raw), _BLOCK)
            self.sample = self._sample()
        except SourceError:
            self._raw.close()
            raise
        self._decoder, skipped = _decoder_of(self.sample)
        self._skip = skipped
        if self._decoder is not None:
            text = self._decoder.decode(self.sample[skipped:])
            self._decoder.reset()
            self.sample = text.encode()
        else:
            self.sample = self.sample[skipped:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.path is not None:
            self._raw.close()

    @property
    def position(self) -> int:
        """How many bytes of the file on disk have been read."""
        try:
            return self._raw.tell()
        except OSError:
            return 0

    def is_damaged(self) -> bool:
        """Whether it is gzip whose checksum is wrong: some of what it says was never written.

        Reads all of it; one that ends too early isn't damaged, nor is one that can be read only
        once.
        """
        if not self.is_gzip or self.path is None or not self.size:
            return False
        try:
            with gzip.open(self.path) as content:
                while content.read(_BLOCK):
                    pass
        except (gzip.BadGzipFile, zlib.error):
            return True
        except (EOFError, OSError):  # reading will say so
            return False
        return False

    def lines(self) -> Iterator[Line]:
        """Every line that isn't blank."""
        held = bytearray()
        number = 1
        is_too_long = False
        for block in self._blocks():
            *whole, rest = block.split(b"\n")
            for end in whole:
                held += end
                is_too_long = is_too_long or len(held) > MAX_LINE_BYTES
                if is_too_long:
                    yield Line(number, b"", is_too_long=True)
                elif content := _stripped(held):
                    yield Line(number, content)
                held = bytearray()
                is_too_long = False
                number += 1
            held += rest
            if len(held) > MAX_LINE_BYTES:
                is_too_long = True
                held.clear()
        if is_too_long:
            yield Line(number, b"", is_too_long=True)
        elif content := _stripped(held):
            yield Line(number, content, is_whole=False)

    def _blocks(self) -> Iterator[bytes]:
        skip = self._skip
        while block := self._read():
            if skip:
                block, skip = block[skip:], 0
            yield self._decoder.decode(block).encode() if self._decoder is not None else block

    def _read(self) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        try:
            return bytes(self._content.read1(_BLOCK))
        except EOFError:
            self.trouble = "gzip_cut"
        except (gzip.BadGzipFile, zlib.error):
            self.trouble = "gzip_damaged"
        except OSError:
            self.trouble = "unreadable"
        return b""

    def _sample(self) -> bytes:
        """The beginning, which stays to be read."""
        sample = b""
        try:
            sample = bytes(self._content.peek(_SAMPLE)[:_SAMPLE])
            # Of a pipe that is what was written at once, perhaps half a line.
            while not self.size and b"\n" not in sample and len(sample) < _SAMPLE:
                if not (more := bytes(self._content.read1(_SAMPLE))):
                    break
                sample = self._head = self._head + more
        except EOFError:
            self.trouble = "gzip_cut"
        except (zlib.error, gzip.BadGzipFile):
            self.trouble = "gzip_damaged"
        except OSError:
            raise SourceError("unreadable") from None
        return sample

    def _opened(self, *, only_regular: bool) -> IO[bytes]:
        if self.path is None:
            return sys.stdin.buffer
        try:
            status = self.path.stat()
            if stat.S_ISDIR(status.st_mode):
                raise SourceError("directory")
            if not stat.S_ISREG(status.st_mode):
                if only_regular or _never_ends(status.st_mode, self.path):
                    raise SourceError("special")
            else:
                self.size = status.st_size
            return io.BufferedReader(io.FileIO(os.fspath(self.path)), _BLOCK)
        except FileNotFoundError:
            raise SourceError("missing") from None
        except PermissionError:
            raise SourceError("no_permission") from None
        except (OSError, ValueError):  # ValueError: a NUL in the path
            raise SourceError("unreadable") from None


def _never_ends(mode: int, path: Path) -> bool:
    """Whether it is a device, such as a disk or ``/dev/zero``, and no pipe and no terminal."""
    if stat.S_ISCHR(mode):
        return os.fspath(path) not in {os.devnull, "/dev/stdin", "/dev/tty"}
    return stat.S_ISBLK(mode)


def _peek(raw: Any) -> bytes:
    try:
        return bytes(raw.peek(4)[:4])
    except OSError:
        raise SourceError("unreadable") from None


def _decoder_of(sample: bytes) -> tuple[codecs.IncrementalDecoder | None, int]:
    """What decodes a file that isn't UTF-8, and the length of its byte order mark."""
    for mark, name in _UTF_16.items():
        if sample.startswith(mark):
            return codecs.getincrementaldecoder(name)("replace"), len(mark)
    return None, len(codecs.BOM_UTF8) if sample.startswith(codecs.BOM_UTF8) else 0


def _stripped(line: bytearray) -> bytes:
    # A crash leaves blocks of NUL where a log's last lines would have been; a tab may divide cells.
    stripped = line.strip(b" \r\n\f\v\0")
    return b"" if stripped.isspace() else bytes(stripped)
