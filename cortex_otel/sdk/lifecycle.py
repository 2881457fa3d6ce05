"""Draining the queue before the process ends: normal exit, SIGTERM, SIGHUP, a closed stdin.

The reference MCP client closes stdin, waits two seconds and sends SIGTERM; Python runs no
``atexit`` callbacks for an unhandled signal. So if a signal is unhandled, we handle it: store, then
re-raise the same signal, so that the parent sees the exit status it expects. A handler that the
host installs, before or after, is left alone: then the host exits normally, and ``atexit`` runs. A
child forked by ``multiprocessing`` runs no ``atexit`` either, only multiprocessing's finalizers.

As with every Python handler, a signal that arrives in the microseconds in which the main thread
goes to sleep is handled when that thread wakes: by what it waits for, or by the next signal.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from cortex_otel import guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["at_exit"]

_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_callbacks: list[Callable[[], object]] = []
_is_finishing = False
_fatal_signal: int | None = None


def at_exit(finish: Callable[[], object]) -> None:
    """Call ``finish`` once before the process ends; it bounds its own time.

    Args:
        finish: drains and stops; must be idempotent and safe in a signal handler.
    """
    if not _callbacks:
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                with contextlib.suppress(ValueError):  # not on the main thread
                    signal.signal(number, _on_signal)
    _callbacks.append(finish)


def _run() -> None:
    global _is_finishing  # noqa: PLW0603 - read by a signal handler
    _is_finishing = True
    while _callbacks:
        try:
            _callbacks.pop()()
        except Exception as error:  # noqa: BLE001 - the process is ending, and is the host's
            guard.swallowed("lifecycle.exit", error)
    _is_finishing = False


def _at_normal_exit() -> None:
    _run()
    if _fatal_signal is not None:
        _reraise(_fatal_signal)


# Registered at import, so that it runs after SDK providers that another configurator makes later
# have shut down: they send their last batch through our exporters.
atexit.register(_at_normal_exit)


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _fatal_signal  # noqa: PLW0603 - the same
    del frame
    _fatal_signal = number
    if not _is_finishing:  # else it interrupts the callbacks at exit, which finish first
        _run()
        _reraise(number)


def _reraise(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _in_forked_child() -> None:
    global _is_finishing, _fatal_signal
    _is_finishing, _fatal_signal = False, None
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Called only in children of multiprocessing, after it has cleared the finalizers inherited
        # from the parent.
        util.register_after_fork(_run, _finalize_in_child)


def _finalize_in_child(finish: Callable[[], None]) -> None:
    from multiprocessing.util import Finalize  # noqa: PLC0415 - imported already, or this isn't called

    if _callbacks:
        Finalize(None, finish, exitpriority=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
