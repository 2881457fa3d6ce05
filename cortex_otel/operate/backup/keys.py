"""Keys of age: public ones that copies are encrypted for, private ones that open them.

Formats: https://age-encryption.org/v1, and SSH keys (ed25519, RSA).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cortex_otel.locale import N_
from cortex_otel.operate.backup.errors import BackupError, BackupSettingsError, disk_errors
from cortex_otel_exporters.disk import write_new

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["new_key", "read_identities", "recipients"]

_MAX_FILE_BYTES = 1 << 16


def recipients(keys: Sequence[str]) -> list[Any]:
    """Whom copies are encrypted for.

    Raises:
        BackupSettingsError: one isn't a public key; it isn't shown, it may be a private one.
    """
    import pyrage  # noqa: PLC0415 - of the extra

    found: list[Any] = []
    for position, key in enumerate(keys, 1):
        kind = pyrage.x25519 if key.startswith("age1") else pyrage.ssh
        try:
            found.append(kind.Recipient.from_str(key))
        except pyrage.RecipientError:
            raise BackupSettingsError(
                N_(
                    "CORTEX_OTEL_BACKUP_RECIPIENTS: key {position} isn't a public key of age or "
                    "SSH: copy it again, whole"
                ),
                position=position,
            ) from None
    return found


def read_identities(path: Path) -> list[Any]:
    """The private keys in a file: of age, one a line, or one of SSH.

    Raises:
        BackupError: it can't be read, or has none.
    """
    import pyrage  # noqa: PLC0415 - of the extra

    try:
        with disk_errors(path), path.open("rb") as file:  # may be a pipe: <(pass show backup)
            content = file.read(_MAX_FILE_BYTES)
    except BackupError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise BackupError(
                N_("no identity file at {path}: give the one that --new-key wrote"), path=path
            ) from None
        raise
    try:
        if content.startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(content)]
        lines = [line.strip() for line in content.decode("ascii").splitlines()]
        found = [
            pyrage.x25519.Identity.from_str(line)
            for line in lines
            if line and not line.startswith("#")
        ]
    except (pyrage.IdentityError, ValueError):
        found = []
    if not found:
        raise BackupError(
            N_(
                "{path} has no private key that can be used: give a file of age-keygen or "
                "--new-key, or an SSH key, without a passphrase"
            ),
            path=path,
        )
    return found


def new_key(path: Path) -> str:
    """Write a new private key to ``path`` (0600), as ``age-keygen`` does.

    Returns:
        Its public key.

    Raises:
        BackupError: there is a file already, or it can't be written.
    """
    import pyrage  # noqa: PLC0415 - of the extra

    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    created = datetime.now(UTC).isoformat(timespec="seconds")
    if path.exists() or path.is_symlink():
        raise BackupError(N_("{path} already exists: choose another file"), path=path)
    with disk_errors(path):
        write_new(path, f"# created: {created}\n# public key: {public}\n{identity}\n".encode())
    return public
