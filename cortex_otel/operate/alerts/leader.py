"""Of several ``serve`` over one home, one evaluates and sends: the one that holds a file's lock.

The operating system gives the lock back when its holder dies, however it does. Where files can't be
locked each of them evaluates, and the database decides who tells what.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Leader"]

_FILE: Final = "alerts.lock"


class Leader:
    """The lock in ``home``."""

    def __init__(self, home: Path) -> None:
        self._path = home / _FILE
        self._descriptor: int | None = None

    def is_held(self) -> bool:
        """Whether this process is the one; takes the lock if nobody holds it."""
        if self._descriptor is not None:
            return True
        try:
            import fcntl  # noqa: PLC0415 - absent on Windows
        except ImportError:
            return True
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError:
            return True  # no home yet, or one that can't be written to
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            return True
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let another have it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
