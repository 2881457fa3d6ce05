"""An archive into its files, streamed; only those that we pack, each checked by its sum."""

from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import WrongKeyError, disk_errors
from cortex_otel.operate.backup.layout import (
    CONTENTS,
    DATABASE,
    LOGS,
    SUMS,
    damaged,
    is_log_name,
)
from cortex_otel.operate.backup.streams import Digest, Pulled, Pushed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Unpacked", "unpack"]

_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_MAX_WINDOW = 1 << 23  # what level 3 needs; a hostile file could ask for gigabytes
_MAX_SMALL = 1 << 24  # the list of sums has a line for each log file


class Unpacked(NamedTuple):
    """What an archive was."""

    plain: Digest
    """Of the tar."""
    stored: Digest
    """Of the archive as it is stored."""
    contents: bytes
    """What it says of itself."""


def unpack(
    chunks: Iterable[bytes],
    directory: Path | None,
    identities: list[Any] | None,
    max_bytes: int,
) -> Unpacked:
    """Read an archive, and write its files below ``directory``, an empty one.

    Args:
        chunks: the archive.
        directory: ``None``: it is only read.
        identities: keys that open it; ``None``: it isn't encrypted.
        max_bytes: of the tar; more isn't read.

    Returns:
        What it was.

    Raises:
        CopyError: it is damaged, or not ours.
        WrongKeyError: the keys don't open it.
        BackupError: it can't be read, or written.
    """
    import pyrage  # noqa: PLC0415 - of the extra
    import zstandard  # noqa: PLC0415 - of the extra

    unpacker = _Unpacker(directory, max_bytes)
    stored, plain = Pulled(iter(chunks)), Pushed(unpacker)
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    unpacked = decompressor.stream_writer(plain, closefd=False)  # type: ignore[arg-type] # writes
    pushed = Pushed(unpacked)
    try:
        if identities is None:
            while chunk := stored.read(_CHUNK):
                pushed.write(chunk)
        else:
            pyrage.decrypt_io(stored, pushed, identities)
        unpacker.end()
    except BaseException as error:  # noqa: BLE001 - Ctrl-C, too, comes out as one of Rust's
        cause = stored.error or plain.error or error
        if isinstance(cause, pyrage.DecryptError) and "No matching keys" in str(cause):
            raise WrongKeyError(
                N_(
                    "this key doesn't open it: give the identity whose public key was in "
                    "CORTEX_OTEL_BACKUP_RECIPIENTS when it was made (--identity FILE)"
                )
            ) from None
        # From age: a bare OSError without a number for what was cut or changed.
        is_damage = isinstance(cause, (pyrage.DecryptError, zstandard.ZstdError)) or (
            isinstance(cause, OSError) and cause.errno is None
        )
        if is_damage:
            raise damaged() from cause
        raise cause from None
    finally:
        unpacker.close()
    return Unpacked(plain.digest, stored.digest, unpacker.small[CONTENTS])


class _Unpacker:
    """What a tar is written into.

    Args:
        directory: an empty one; ``None``: nothing is written, all is checked.
        max_bytes: of the tar.
    """

    def __init__(self, directory: Path | None, max_bytes: int) -> None:
        self.small: dict[str, bytes] = {}
        self._directory = directory
        self._left = max_bytes
        self._pending = b""
        self._member = ""
        self._member_left = self._padding = 0
        self._file: BinaryIO | None = None
        self._digest = Digest()
        self._sums: dict[str, str] = {}
        self._is_over = False

    def write(self, data: bytes) -> int:
        """Take the next part of the tar.

        Raises:
            CopyError: it isn't one of ours.
        """
        self._left -= len(data)
        if self._left < 0:
            raise damaged()
        rest = memoryview(self._pending + data)
        while rest:
            if self._member_left:
                taken = rest[: self._member_left]
                self._content(bytes(taken))
                self._member_left -= len(taken)
                rest = rest[len(taken) :]
                if not self._member_left:
                    self._finish()
            elif self._padding:
                skipped = min(self._padding, len(rest))
                self._padding -= skipped
                rest = rest[skipped:]
            elif len(rest) < _BLOCK:
                break
            else:
                self._begin(bytes(rest[:_BLOCK]))
                rest = rest[_BLOCK:]
        self._pending = bytes(rest)
        return len(data)

    def end(self) -> None:
        """Nothing follows.

        Raises:
            CopyError: something should, or a sum isn't that of its file.
        """
        listed = "".join(f"{sha256}  {name}\n" for name, sha256 in self._sums.items())
        is_whole = self._is_over and not self._pending and not self._member_left
        if not is_whole or CONTENTS not in self.small or self.small.get(SUMS) != listed.encode():
            raise damaged()

    def close(self) -> None:
        """Close the file that is being written, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, header: bytes) -> None:
        if not any(header):
            self._is_over = True
            return
        try:
            info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
        except (tarfile.TarError, ValueError):
            raise damaged() from None
        name, size = info.name, info.size
        head, _slash, rest = name.partition("/")
        is_known = name in {CONTENTS, DATABASE, SUMS} or (head == LOGS and is_log_name(rest))
        is_fine = is_known and info.isreg() and size >= 0
        if not is_fine or self._is_over or name in self._sums or SUMS in self.small:
            raise damaged()
        self._member, self._member_left, self._padding = name, size, -size % _BLOCK
        self._digest = Digest()
        if name in {CONTENTS, SUMS}:
            if size > _MAX_SMALL:
                raise damaged()
            self.small[name] = b""
        elif self._directory is not None:
            with disk_errors(self._directory):
                path = self._directory / name
                path.parent.mkdir(mode=0o700, exist_ok=True)
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                self._file = os.fdopen(descriptor, "wb")
        if not size:
            self._finish()

    def _content(self, data: bytes) -> None:
        self._digest.add(data)
        if self._member in self.small:
            self.small[self._member] += data
        elif self._file is not None and self._directory is not None:
            with disk_errors(self._directory):
                self._file.write(data)

    def _finish(self) -> None:
        if self._file is not None and self._directory is not None:
            with disk_errors(self._directory):
                self._file.flush()
                os.fsync(self._file.fileno())
        self.close()
        if self._member != SUMS:
            self._sums[self._member] = self._digest.sha256
