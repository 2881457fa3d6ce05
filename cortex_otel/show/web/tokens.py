"""The token of an installation: created at first start, in a file only its owner can read."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
from typing import TYPE_CHECKING, Final

from cortex_otel_exporters.disk import make_private_directory, write_new

if TYPE_CHECKING:
    from pathlib import Path

    from cortex_otel.settings import Settings

__all__ = ["TOKEN_FILE", "token_of"]

_logger = logging.getLogger("cortex_otel")

TOKEN_FILE: Final = "admin.token"  # noqa: S105 - the name of a file
#: Enough for a race with another process and an invalid file; fails if file modes have no effect.
_ATTEMPTS: Final = 3
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,256}")


def token_of(settings: Settings) -> str:
    """The token of this installation: from the settings, else from its file, created if needed.

    If the file can't be used, e.g. in a read-only home, the token is valid for this run only.
    """
    if settings.admin_token:
        return settings.admin_token
    path = settings.home / TOKEN_FILE
    reason: str | None = "a file there is readable by others, whatever its mode"
    try:
        for _ in range(_ATTEMPTS):
            if token := _read_token(path):
                return token
            if token is not None:
                _remove_invalid(path)
            _make_token(path)
    except OSError as error:
        reason = error.strerror
    _logger.warning("no token in %s (%s): the one of this address ends with this run", path, reason)
    return secrets.token_urlsafe(32)


def _read_token(path: Path) -> str | None:
    """The token in the file; empty if it is invalid, or others could have read it.

    ``None`` if there is no file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        text = file.read(1024).decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(text) or (os.name == "posix" and mode & 0o077):
        return ""
    return text


def _remove_invalid(path: Path) -> None:
    """Remove an invalid or exposed token; a valid one that was just created by another stays."""
    aside = path.with_name(f"{TOKEN_FILE}.{secrets.token_hex(8)}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if _read_token(aside):
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    aside.unlink()


def _make_token(path: Path) -> None:
    make_private_directory(path.parent)
    with contextlib.suppress(FileExistsError):  # two that start at once use the first one's
        write_new(path, f"{secrets.token_urlsafe(32)}\n".encode())
