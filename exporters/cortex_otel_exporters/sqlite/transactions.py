"""Transactions for writing."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

__all__ = ["transaction"]


@contextlib.contextmanager
def transaction(connection: apsw.Connection) -> Iterator[float]:
    """A transaction for writing, committed at the end, or rolled back where that isn't reached.

    On a full disk, and after an I/O error, SQLite rolls back by itself. Another ``ROLLBACK`` would
    then be an error of its own, which says nothing of the disk.

    Gives the moment when it had the lock, in monotonic seconds. Within another one it is a part of
    that.

    Raises:
        apsw.Error: what went wrong first; nothing was written.
    """
    if not connection.get_autocommit():
        yield time.monotonic()
        return
    connection.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    try:
        yield started
        connection.execute("COMMIT")
    finally:
        if not connection.get_autocommit():
            connection.execute("ROLLBACK")
