"""Where copies of the store go, for whom they are encrypted, and how many are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel.settings import parsers
from cortex_otel.settings.declared.field import setting, subject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["BackupSettings"]


@subject(frozen=True, kw_only=True)
class BackupSettings:
    """Where copies of the store go, for whom they are encrypted, and how many are kept."""

    backup_target: str | None = setting(
        "CORTEX_OTEL_BACKUP_TARGET",
        default=None,
        parse=parsers.backup_target,
        allowed="an absolute path of a directory outside CORTEX_OTEL_HOME, or s3://bucket/prefix",
        secret=True,
    )
    """Where `cortex-otel backup`, and each midnight `cortex-otel serve`, puts a copy of the
    database and its log files. Off until it is set. A bucket needs `CORTEX_OTEL_BACKUP_RECIPIENTS`,
    and credentials in the usual `AWS_…` variables or `~/.aws`; a directory must be there. Needs the
    extra `backup` (`pip install './cortex-otel[backup]'`)."""

    backup_recipients: tuple[str, ...] = setting(
        "CORTEX_OTEL_BACKUP_RECIPIENTS",
        default=(),
        parse=parsers.public_keys,
        allowed="public keys, comma-separated: age1…, ssh-ed25519 … or ssh-rsa …",
        secret=True,
        many=True,
    )
    """Public keys that copies are encrypted for, with [age](https://age-encryption.org); any one of
    their private keys opens a copy. `cortex-otel backup --new-key FILE` makes a pair. Without any,
    copies aren't encrypted, and only a directory is allowed."""

    backup_identity: Path | None = setting(
        "CORTEX_OTEL_BACKUP_IDENTITY",
        default=None,
        parse=parsers.file,
        allowed="a file",
    )
    """File of a private key, if it is on this machine, which needn't be: each new copy is then
    decrypted and its database checked, and `cortex-otel restore` needs no `--identity`."""

    backup_endpoint: str | None = setting(
        "CORTEX_OTEL_BACKUP_ENDPOINT",
        default=None,
        parse=parsers.endpoint,
        allowed="an http:// or https:// address without user, query or fragment",
        secret=True,
    )
    """Address of an S3-compatible store that isn't AWS, e.g. `https://s3.example:9000`."""

    backup_keep: Mapping[str, int] = setting(
        "CORTEX_OTEL_BACKUP_KEEP",
        default=parsers.default_backup_keep,
        parse=parsers.backup_keep,
        allowed="daily=…, weekly=…, monthly=…, comma-separated, each 0 to 1000",
        many=True,
    )
    """How many copies are kept: the newest of each of the last so many days, weeks and months that
    have one. What isn't named is 0. The last copy always stays, and so do those of other homes."""
