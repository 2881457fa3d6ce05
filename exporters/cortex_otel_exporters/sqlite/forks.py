"""Fork handling: the child starts with a fresh writer, the parent continues.

SQLite's global mutexes must be free at the fork, or the child hangs at its first use; so a fork
waits for the current transaction, at most a second. And no connection may be open then: the child's
SQLite would assume that it holds the file's locks, which are gone once the parent has exited, and
the next process would truncate the WAL index while the child uses it. So the parent closes the
database before and opens it again with its next batch; a fork costs it about a millisecond.
(https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_)
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from cortex_otel_exporters import native

__all__ = ["Forked", "watch"]


class Forked(Protocol):
    """What a fork finds in the process: a :class:`~.writer.Writer`."""

    store_lock: native.Lock
    """Held from before the fork until after it in the parent."""

    def prepare_to_fork(self) -> bool:
        """Close the database and hold the lock; ``False`` if that takes too long."""

    def begin_again_in_child(self) -> None:
        """Start afresh in the forked child."""


_writers: weakref.WeakSet[Forked] = weakref.WeakSet()
# Per thread: two may fork at once.
_held = native.Local()


def watch(writer: Forked) -> None:
    """Let ``writer`` begin again in every child that is forked from now on."""
    _writers.add(writer)


def _before() -> None:
    _held.writers = [writer for writer in list(_writers) if writer.prepare_to_fork()]


def _after_in_parent() -> None:
    for writer in _held.writers:
        writer.store_lock.release()
    _held.writers = []


def _after_in_child() -> None:
    _held.writers = []
    for writer in list(_writers):
        writer.begin_again_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
