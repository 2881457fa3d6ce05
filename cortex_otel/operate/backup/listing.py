"""Which copies there are at a target, whole or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import BackupError
from cortex_otel.operate.backup.manifest import MAX_MANIFEST_BYTES, parse_manifest
from cortex_otel.operate.backup.names import (
    MANIFEST_SUFFIX,
    CopyName,
    archive_suffix,
    parse_name,
    split_file_name,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel.operate.backup.manifest import Manifest
    from cortex_otel.operate.backup.target import Target

__all__ = ["Copy", "choose", "list_copies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy at a target."""

    name: CopyName
    files: tuple[str, ...]
    """What there is of it, the manifest first."""
    manifest: Manifest | None
    """``None``: there is none, or it can't be read."""
    is_whole: bool
    """It has a manifest, and an archive of the size that the manifest says."""

    @property
    def archive(self) -> str:
        """File of the archive."""
        is_encrypted = self.manifest is None or self.manifest.encryption == "age"
        return str(self.name) + archive_suffix(is_encrypted=is_encrypted)


def list_copies(target: Target) -> list[Copy]:
    """Every copy at ``target``, of any home, in their order.

    Raises:
        BackupError: it can't be read.
    """
    sizes = target.sizes()
    suffixes: dict[CopyName, list[str]] = {}
    for file in sizes:
        if split := split_file_name(file):
            suffixes.setdefault(split[0], []).append(split[1])
    return [_copy(target, name, suffixes[name], sizes) for name in sorted(suffixes)]


def _copy(target: Target, name: CopyName, suffixes: list[str], sizes: dict[str, int]) -> Copy:
    files = tuple(
        f"{name}{suffix}" for suffix in sorted(suffixes, key=lambda one: one != MANIFEST_SUFFIX)
    )
    manifest = None
    size = sizes.get(f"{name}{MANIFEST_SUFFIX}", 0)
    if 0 < size <= MAX_MANIFEST_BYTES:
        try:
            manifest = parse_manifest(b"".join(target.read(files[0], size)))
        except ValueError:
            manifest = None
        if manifest is not None and manifest.name != str(name):
            manifest = None
    found = Copy(name=name, files=files, manifest=manifest, is_whole=False)
    is_whole = manifest is not None and sizes.get(found.archive) == manifest.stored_bytes
    return Copy(name=name, files=files, manifest=manifest, is_whole=is_whole)


def choose(copies: Sequence[Copy], wanted: str, series: str) -> Copy:
    """The copy that ``wanted`` means.

    Args:
        copies: all there are, in their order.
        wanted: a name, with or without a suffix, or ``latest``: of this home if it has copies, else
            of the only home that has.
        series: of this home.

    Raises:
        BackupError: there is none, it isn't whole, or it isn't clear which.
    """
    if wanted != "latest":
        name = parse_name(wanted.partition(".")[0])
        found = next((copy for copy in copies if copy.name == name), None)
        if found is None:
            raise BackupError(
                N_("no backup {name}: see cortex-otel backup --list"), name=repr(wanted[:100])
            )
        if not found.is_whole:
            raise BackupError(
                N_(
                    "{name} isn't whole (its manifest is missing or damaged, or its archive is cut)"
                    ": take another backup (cortex-otel backup --list)"
                ),
                name=found.name,
            )
        return found
    whole = [copy for copy in copies if copy.is_whole]
    homes = {copy.name.series for copy in whole}
    if series in homes:
        homes = {series}
    if len(homes) > 1:
        raise BackupError(
            N_(
                "there are backups of {count} homes: name the one that you want "
                "(cortex-otel backup --list)"
            ),
            count=len(homes),
        )
    if not homes:
        raise BackupError(N_("there is no whole backup yet: see cortex-otel backup --list"))
    return max(
        (copy for copy in whole if copy.name.series in homes), key=lambda copy: copy.name.sequence
    )
