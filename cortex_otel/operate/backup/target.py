"""Where copies are put: what a directory and a bucket have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import BackupSettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cortex_otel.settings import Settings

__all__ = ["CHUNK", "Target", "open_target"]

#: Bytes moved at once: a part of an upload (S3 takes 10,000, so 80 GB), and what a slow line
#: manages within the time-out of a request.
CHUNK = 8 << 20

_S3 = "s3://"


class Target(Protocol):
    """A place that has files by name; each method may raise :class:`BackupError`."""

    label: str
    """For people; without anything secret."""
    is_remote: bool

    def sizes(self) -> dict[str, int]:
        """Bytes of each file there that has a name like ours."""

    def put(self, name: str, file: Path, on_progress: Callable[[int], None]) -> None:
        """Store ``file``; nothing is seen under ``name`` before it is whole.

        Args:
            name: not there yet.
            file: what is stored.
            on_progress: called with the bytes done.
        """

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """The content of a file of ``size`` bytes."""

    def delete(self, name: str) -> None:
        """Delete a file."""

    def clean(self, series: str) -> None:
        """Delete what an interrupted :meth:`put` of this series left."""


def open_target(settings: Settings) -> Target:
    """The target that the settings name.

    Raises:
        BackupSettingsError: none is named, or it makes no sense.
        BackupError: it isn't there.
    """
    target = settings.backup_target
    if target is None:
        raise BackupSettingsError(
            N_("no target: set CORTEX_OTEL_BACKUP_TARGET to a directory or s3://bucket/prefix")
        )
    if target.startswith(_S3):
        if not settings.backup_recipients:
            raise BackupSettingsError(
                N_(
                    "backups for {target} must be encrypted: set CORTEX_OTEL_BACKUP_RECIPIENTS to "
                    "a public key (cortex-otel backup --new-key FILE makes one)"
                ),
                target=target,
            )
        from cortex_otel.operate.backup.s3 import Bucket  # noqa: PLC0415 - takes obstore

        bucket, _slash, prefix = target.removeprefix(_S3).partition("/")
        return Bucket(bucket, prefix, settings.backup_endpoint)
    from cortex_otel.operate.backup.directory import Directory  # noqa: PLC0415 - the same way

    return Directory(Path(target), settings.home)
