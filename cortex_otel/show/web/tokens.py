"""The token of an installation: made at the first start, in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from cortex_otel.settings import Settings

__all__ = ["TOKEN_FILE", "token_of"]

_logger = logging.getLogger("cortex_otel")

TOKEN_FILE: Final = "admin.token"  # noqa: S105 - the name of a file
#: Where another makes it at the same time, or there is a worthless one; not where no mode is kept.
_ATTEMPTS: Final = 3
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,256}")


def token_of(settings: Settings) -> str:
    """The token of this installation: of the settings, else of its file, which is made if need be.

    Where the file can't be had, e.g. in a home that is read-only, the token is of this run alone.
    """
    if settings.admin_token:
        return settings.admin_token
    path = settings.home / TOKEN_FILE
    why: str | None = "a file there is readable by others, whatever its mode"
    try:
        for _ in range(_ATTEMPTS):
            if found := _read_token(path):
                return found
            if found is not None:
                _remove_worthless(path)
            _make_token(path)
    except OSError as error:
        why = error.strerror
    _logger.warning("no token in %s (%s): the one of this address ends with this run", path, why)
    return secrets.token_urlsafe(32)


def _read_token(path: Path) -> str | None:
    """The token in the file; empty if it is none, or others could have read it.

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


def _remove_worthless(path: Path) -> None:
    """One that is no token, or that others could have read; what another has just made stays."""
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
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Whole or not at all, never readable by others whatever the umask; and where two begin at once,
    # both have the token of the first.
    temporary = path.with_name(f"{TOKEN_FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_urlsafe(32)}\n")
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
