"""What keeps a backup from being made or restored."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from cortex_otel.locale import N_
from cortex_otel.operate.job import JobError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "BackupError",
    "BackupSettingsError",
    "CopyError",
    "WrongKeyError",
    "disk_errors",
    "no_space",
]


class BackupError(JobError):
    """It can't be done now; one line that says what to do, without secrets.

    Args:
        message: in English, marked with ``N_``, with ``{name}`` for each of ``values``.
        values: shown in it.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message.format(**values) if values else message)
        self.message = message
        self.values = values
        self.about = ""
        """What it is about, set where that is known."""

    def __str__(self) -> str:
        return f"{self.about}: {super().__str__()}" if self.about else super().__str__()


class BackupSettingsError(BackupError):
    """What was asked for makes no sense, and wouldn't later."""


class CopyError(BackupError):
    """The copy itself is damaged, or isn't what it says."""


class WrongKeyError(BackupError):
    """The keys don't open the copy."""


def no_space(path: object) -> BackupError:
    """The disk of ``path`` is full."""
    return BackupError(
        N_("no space left for {path}: free some; nothing was changed"),
        path=path,
    )


@contextlib.contextmanager
def disk_errors(path: object) -> Iterator[None]:
    """Say what an error of the file system at ``path`` means."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise no_space(path) from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise BackupError(
                N_("no permission at {path}: it must be readable and writable for this user"),
                path=path,
            ) from error
        raise BackupError(
            N_("{path} can't be used ({reason}): check the disk"),
            path=path,
            reason=error.strerror or type(error).__name__,
        ) from error
