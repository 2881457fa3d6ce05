"""Forks: the child starts afresh, the parent goes on as if nothing had happened.

SQLite's global mutexes must be free when the child is made, or the child hangs at its first use;
so a fork waits for the transaction under way, at most a second. The child must not close the
connection it inherits: that would drop locks and checkpoint under the parent's feet.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cortex_otel_exporters.sqlite.writer import Writer

__all__ = ["watch"]

_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
_held: list[Writer] = []


def watch(writer: Writer) -> None:
    """Let ``writer`` begin again in every child that is forked from now on."""
    _writers.add(writer)


def _before() -> None:
    _held[:] = [writer for writer in list(_writers) if writer.store_lock.acquire(timeout=1.0)]


def _after_in_parent() -> None:
    for writer in _held:
        writer.store_lock.release()
    _held.clear()


def _after_in_child() -> None:
    _held.clear()
    for writer in list(_writers):
        writer.begin_again_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
