"""Threads, locks and sleep of the operating system, whatever the host has patched.

gevent and eventlet replace :mod:`threading`, :mod:`queue` and ``time.sleep`` by greenlet versions,
also for modules that have imported them already. A writer that is a greenlet blocks the host with
its first wait for the disk, and a greenlet's lock can't be shared with a real thread. So all of our
code that waits, locks or runs beside the host uses this module only.

Its functions come from our own instance of the C module ``_thread``: made from the interpreter's
built-in one, so no earlier patch affects it; registered nowhere, so no later one does. Its types
differ from :mod:`threading`'s, too: eventlet finds and replaces all re-entrant locks of a process.
"""

from __future__ import annotations

import _thread
import importlib.util
import os
import sys
from _queue import Empty, SimpleQueue  # the C types: patches only change names in `queue`
from importlib.machinery import BuiltinImporter
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Lock, RLock, get_ident
    from threading import local as Local  # noqa: N812 - a class

__all__ = [
    "Empty", "Local", "Lock", "RLock", "SimpleQueue", "Thread", "get_ident", "is_own_thread",
    "is_patched", "may_be_patched", "sleep",
]  # fmt: skip


def _own_thread_module() -> Any:
    spec = BuiltinImporter.find_spec("_thread")
    if spec is None or spec.loader is None:  # not CPython
        return _thread
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_own = _own_thread_module()
if not TYPE_CHECKING:
    Lock = _own.allocate_lock
    RLock = _own.RLock
    Local = _own._local  # noqa: SLF001 - what `threading.local` is
    get_ident = _own.get_ident

# Never released: waiting for it with a time-out is a sleep that can't be patched.
_never = _own.allocate_lock()
_never.acquire()
_running: set[int] = set()
_PATCH = ("gevent", "eventlet")


def sleep(seconds: float) -> None:
    """Put this thread, not a greenlet, to sleep for ``seconds``."""
    _never.acquire(timeout=max(0.0, seconds))


def is_patched() -> bool:
    """Whether threads of this process are greenlets now.

    Then no thread of ours may use the host's objects: waiting for a greenlet's lock on another
    thread may never end, nor may waiting for that thread.
    """
    return not isinstance(_thread.start_new_thread, BuiltinFunctionType)


def may_be_patched() -> bool:
    """Whether a library that patches is installed but hasn't patched yet.

    Until then no networking code may be imported on the host's behalf: code that has imported the
    classes of ``ssl`` before gevent replaces them recurses for ever.
    """
    return not is_patched() and any(
        name in sys.modules or importlib.util.find_spec(name) for name in _PATCH
    )


def is_own_thread() -> bool:
    """Whether the caller runs on a :class:`Thread`."""
    return get_ident() in _running


class Thread:
    """An operating system thread that the exit of the process doesn't wait for.

    Unlike :class:`threading.Thread` it isn't known to :mod:`threading`, whose bookkeeping would be
    patched, and :meth:`start` doesn't wait until it runs.

    Args:
        target: its function, which has to handle its own exceptions.
    """

    def __init__(self, target: Callable[[], None]) -> None:
        self._target = target
        self._ident: int | None = None
        self._ended = Lock()
        self._ended.acquire()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: the interpreter is shutting down, or there are too many threads.
        """
        _own.start_new_thread(self._run, ())

    def _run(self) -> None:
        self._ident = ident = get_ident()
        _running.add(ident)
        try:
            self._target()
        finally:
            _running.discard(ident)
            self._ident = None
            self._ended.release()

    def is_alive(self) -> bool:
        """Whether it is running; ``False`` also before it has started."""
        return self._ident is not None

    def is_current(self) -> bool:
        """Whether the caller runs on it."""
        return self._ident == get_ident()

    def join(self, timeout: float) -> None:
        """Wait until it has ended, for ``timeout`` seconds at most."""
        if self._ended.acquire(timeout=timeout):
            self._ended.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)
