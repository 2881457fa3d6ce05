"""Forks: the child starts afresh, the parent goes on as if nothing had happened.

SQLite's global mutexes must be free when the child is made, or the child hangs at its first use;
so a fork waits for the transaction under way, at most a second. And no connection may be open
then: the child's SQLite would take the locks of the file for its own, which they are not once the
parent has gone, and the next process would truncate the WAL index under its feet. So the parent
closes before and opens again with its next batch; a fork costs it about a millisecond.
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
# By thread: two may fork at once.
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
