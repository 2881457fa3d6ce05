"""The key of user hashes, as a file in the home."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from cortex_otel.identity import USER_HASH_KEY_FILE
from cortex_otel_exporters.disk import make_private_directory

if TYPE_CHECKING:
    from pathlib import Path

    from cortex_otel.settings import Settings

__all__ = ["KeyInEnvironmentError", "new_key", "rotate"]


class KeyInEnvironmentError(Exception):
    """The key is that of the settings: a file would be of no effect."""


def new_key() -> str:
    """256 random bits, as 64 hex digits."""
    return secrets.token_hex(32)


def rotate(settings: Settings, keep_old: Path | None) -> bool:
    """Replace the key by a new one.

    Args:
        settings: where it is.
        keep_old: a new file that the old key goes to; ``None``: it is forgotten.

    Returns:
        Whether there was a key before.

    Raises:
        KeyInEnvironmentError: nothing was changed.
        FileExistsError: ``keep_old`` exists; nothing was changed.
        OSError: a file can't be written; nothing was changed.
    """
    if settings.user_hash_key:
        raise KeyInEnvironmentError
    make_private_directory(settings.home)
    path = settings.home / USER_HASH_KEY_FILE
    old = path.read_bytes() if path.exists() else b""
    if keep_old is not None:
        _write(keep_old, old)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write(new, f"{new_key()}\n".encode())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return bool(old)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
