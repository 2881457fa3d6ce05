"""Many files into one, streamed: tar, in zstd, in age.

By hand: ``age -d -i KEY NAME.tar.zst.age | zstd -d | tar x``, then ``sha256sum -c SHA256SUMS``.
"""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any, NamedTuple

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import BackupError
from cortex_otel.operate.backup.layout import SUMS
from cortex_otel.operate.backup.streams import Digest, Pulled, Pushed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cortex_otel.operate.backup.streams import Writable

__all__ = ["Member", "pack"]

_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_LEVEL = 3


class Member(NamedTuple):
    """A file to be packed."""

    name: str
    size: int
    open: Callable[[], Any]
    """Opens it, to read bytes."""

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> Member:
        """A member that is no file."""
        return cls(name, len(content), lambda: io.BytesIO(content))


def pack(
    members: Sequence[Member],
    file: Writable,
    recipients: list[Any],
    on_progress: Callable[[int], None],
) -> tuple[Digest, Digest]:
    """Write an archive.

    Args:
        members: in their order; a list of their checksums follows.
        file: where it goes.
        recipients: whom it is encrypted for; nobody: it isn't.
        on_progress: called with the bytes read so far.

    Returns:
        Of the tar, and of what was written.
    """
    import pyrage  # noqa: PLC0415 - of the extra
    import zstandard  # noqa: PLC0415 - of the extra

    def counted() -> Iterator[bytes]:
        for chunk in _tar(members):
            yield chunk
            on_progress(plain.digest.size)

    plain, stored = Pulled(counted()), Pushed(file)
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    packed = compressor.stream_reader(plain, read_size=_CHUNK)  # type: ignore[arg-type] # reads
    try:
        if recipients:
            pyrage.encrypt_io(packed, stored, recipients)
        else:
            while chunk := packed.read(_CHUNK):
                stored.write(chunk)
    except BaseException as error:  # noqa: BLE001 - Ctrl-C, too, comes out as one of Rust's
        raise plain.error or stored.error or error from None
    return plain.digest, stored.digest


def _tar(members: Sequence[Member]) -> Iterator[bytes]:
    sums: list[str] = []
    for member in members:
        yield _header(member.name, member.size)
        digest = Digest()
        with member.open() as file:
            while digest.size < member.size:
                chunk = file.read(min(_CHUNK, member.size - digest.size))
                if not chunk:
                    raise BackupError(
                        N_("{name} was cut while it was read: run this again"), name=member.name
                    )
                digest.add(chunk)
                yield chunk
        yield bytes(-member.size % _BLOCK)
        sums.append(f"{digest.sha256}  {member.name}\n")
    listed = "".join(sums).encode()
    yield _header(SUMS, len(listed)) + listed + bytes(-len(listed) % _BLOCK)
    yield bytes(2 * _BLOCK)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)
