"""Whether what is stored is what was to be stored."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import CopyError, disk_errors
from cortex_otel.operate.backup.layout import DATABASE, damaged
from cortex_otel.operate.backup.manifest import parse_contents
from cortex_otel.operate.backup.snapshot import inspect
from cortex_otel.operate.backup.streams import Digest
from cortex_otel.operate.backup.unpacking import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cortex_otel.operate.backup.manifest import Manifest

__all__ = ["check_archive", "check_database", "read_back", "unpack_checked"]


def read_back(chunks: Iterable[bytes], on_progress: Callable[[int], None]) -> Iterator[bytes]:
    """``chunks``, and how far they are."""
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        on_progress(done)


def check_archive(chunks: Iterable[bytes], manifest: Manifest) -> None:
    """Compare an archive with its manifest, without a key.

    Raises:
        CopyError: it is another.
    """
    digest = Digest()
    for chunk in chunks:
        digest.add(chunk)
    if (digest.size, digest.sha256) != (manifest.stored_bytes, manifest.stored_sha256):
        raise damaged()


def check_database(
    chunks: Iterable[bytes], manifest: Manifest, work: Path, identities: list[Any] | None
) -> None:
    """Unpack an archive below ``work``, check all of it, and delete it again.

    Raises:
        CopyError: it is damaged, or another.
        WrongKeyError: the keys don't open it.
    """
    with disk_errors(work), tempfile.TemporaryDirectory(dir=work) as directory:
        unpack_checked(chunks, manifest, Path(directory), identities)


def unpack_checked(
    chunks: Iterable[bytes], manifest: Manifest, directory: Path, identities: list[Any] | None
) -> None:
    """Unpack an archive into ``directory``, an empty one, and check all of it.

    Raises:
        CopyError: it is damaged, or another than the manifest says.
        WrongKeyError: the keys don't open it.
    """
    found = unpack(chunks, directory, identities, manifest.plain_bytes)
    is_as_said = (found.stored.size, found.stored.sha256, found.plain.size, found.plain.sha256) == (
        manifest.stored_bytes,
        manifest.stored_sha256,
        manifest.plain_bytes,
        manifest.plain_sha256,
    )
    try:
        is_as_said = is_as_said and parse_contents(found.contents) == manifest.contents
    except ValueError:
        is_as_said = False
    if not is_as_said or not (directory / DATABASE).is_file():
        raise _another()
    facts = inspect(directory / DATABASE)
    if facts != (manifest.schema, manifest.events, manifest.ledger):
        raise _another()


def _another() -> CopyError:
    return CopyError(
        N_(
            "it isn't what its manifest says: one of them was changed; take another backup "
            "(cortex-otel backup --list)"
        )
    )
