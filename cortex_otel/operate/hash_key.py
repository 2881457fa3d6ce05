"""The key of user hashes, as a file in the home."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from typing import TYPE_CHECKING

from cortex_otel.identity import USER_HASH_KEY_FILE
from cortex_otel_exporters.disk import make_private_directory, write_new, writing

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
        keep_old: a new file that the old key goes to, if there is one; ``None``: it is forgotten.

    Returns:
        Whether there was a key before.

    Raises:
        KeyInEnvironmentError: nothing was changed.
        FileExistsError: ``keep_old`` exists; nothing was changed.
        OSError: a file can't be written; nothing was changed.
    """
    if settings.user_hash_key:
        raise KeyInEnvironmentError
    if keep_old is not None and os.path.lexists(keep_old):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(keep_old))
    make_private_directory(settings.home)
    path = settings.home / USER_HASH_KEY_FILE
    old = path.read_bytes() if path.exists() else b""
    kept = keep_old if old else None
    try:
        with writing(path) as file:
            file.write(f"{new_key()}\n".encode())
            file.flush()  # what it is about to replace goes only if there is room for it
            if kept is not None:
                write_new(kept, old)
    except BaseException:
        with contextlib.suppress(OSError):
            if kept is not None and old == path.read_bytes() == kept.read_bytes():
                kept.unlink()
        raise
    return bool(old)
