"""Fork handling: the child starts with a fresh writer, the parent continues.

SQLite's global mutexes must be free at the fork, or the child hangs at its first use. And no
connection may be open then: the child's SQLite would assume that it holds the file's locks, which
are gone once the parent has exited, and the next process would truncate the WAL index while the
child uses it. So a fork waits for the current transaction; the parent closes the database before
and opens it again with its next batch, which costs it about a millisecond.
(https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_)

A fork doesn't wait for longer than a second: the disk may hang. What SQLite holds in the child is
then unknown: it may find the database locked for ever by a thread that it doesn't have, or hang. So
that child, and its own children, never use it: their records are dropped as ``forked`` and counted.
"""

from __future__ import annotations

import os
import time
import weakref
from collections import deque
from typing import Protocol

from cortex_otel_exporters import native

__all__ = ["PATIENCE_SECONDS", "Forked", "StoreLock", "is_sound", "watch"]

#: How long a fork waits for a transaction.
PATIENCE_SECONDS = 1.0
_TURN_SECONDS = 0.001


class StoreLock:
    """Held through each use of a database.

    Who takes it again as soon as it is free starves who waits for it, on a busy machine for
    seconds: so ``with`` lets a fork have it first.
    """

    def __init__(self) -> None:
        self._lock = native.Lock()
        self._forks: deque[None] = deque()  # a number that threads can change at once
        #: Not at exit: a signal handler may have interrupted what waits for a fork.
        self.lets_forks_pass = True
        self.release = self._lock.release
        self.locked = self._lock.locked

    def acquire(self, timeout: float = -1) -> bool:
        """Take it, within ``timeout`` seconds; -1 for any time."""
        return self._lock.acquire(timeout=timeout)

    def acquire_for_fork(self, timeout: float) -> bool:
        """The same, before others."""
        self._forks.append(None)
        try:
            return self._lock.acquire(timeout=timeout)
        finally:
            self._forks.pop()

    def __enter__(self) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self._forks and self.lets_forks_pass and time.monotonic() < give_up:
            native.sleep(_TURN_SECONDS)
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Forked(Protocol):
    """What a fork finds in the process: a :class:`~.writer.Writer`."""

    store_lock: StoreLock
    """Held from before the fork until after it in the parent."""

    def prepare_to_fork(self) -> bool:
        """Close the database and hold the lock; ``False`` if that takes too long."""

    def begin_again_in_child(self) -> None:
        """Start afresh in the forked child."""


_writers: weakref.WeakSet[Forked] = weakref.WeakSet()
# Per thread: two may fork at once.
_held = native.Local()
_is_sound = True


def watch(writer: Forked) -> None:
    """Let ``writer`` begin again in every child that is forked from now on."""
    _writers.add(writer)


def is_sound() -> bool:
    """Whether SQLite can be used in this process: no fork has given up waiting for it."""
    return _is_sound


def _before() -> None:
    writers = list(_writers)
    _held.writers = [writer for writer in writers if writer.prepare_to_fork()]
    _held.is_sound = len(_held.writers) == len(writers)


def _after_in_parent() -> None:
    for writer in _held.writers:
        writer.store_lock.release()
    _held.writers = []


def _after_in_child() -> None:
    global _is_sound  # noqa: PLW0603 - of this process, and of all that it forks
    _is_sound = _is_sound and _held.is_sound
    _held.writers = []
    for writer in list(_writers):
        writer.begin_again_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
