"""How a process ends: normal exit, SIGTERM, SIGHUP, a closed stdin. Each drains the queue first.

The reference MCP client closes stdin, waits two seconds and sends SIGTERM; Python runs no
``atexit`` for a signal that nobody handles. So where nobody handles it, we do: store, then die of
the same signal, with the exit status the parent expects. A handler that the host installs, before
or after, is left alone: then the host ends by itself, and ``atexit`` runs. A child that
``multiprocessing`` has forked runs no ``atexit`` either, only multiprocessing's own finalizers.

As with every Python handler, a signal that comes in the microseconds in which the main thread goes
to sleep is acted on when that thread wakes: by what it waits for, or by the next signal.
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
_finish: list[Callable[[], object]] = []
_is_finishing = False
_died_of: int | None = None


def at_exit(finish: Callable[[], object]) -> None:
    """Call ``finish`` once before the process ends; it bounds its own time.

    Args:
        finish: drains and stops; must be idempotent and safe in a signal handler.
    """
    if not _finish:
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                with contextlib.suppress(ValueError):  # another thread than the main one
                    signal.signal(number, _on_signal)
    _finish.append(finish)


def _run() -> None:
    global _is_finishing  # noqa: PLW0603 - a signal handler has no other way to know
    _is_finishing = True
    while _finish:
        try:
            _finish.pop()()
        except Exception as error:  # noqa: BLE001 - the process is ending, and is the host's
            guard.swallowed("lifecycle.exit", error)
    _is_finishing = False


def _at_normal_exit() -> None:
    _run()
    if _died_of is not None:
        _die_of(_died_of)


# At import, so that it runs after the exit of SDK providers that another configurator makes
# later: they send their last batch through our exporters then.
atexit.register(_at_normal_exit)


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _died_of  # noqa: PLW0603 - the same
    del frame
    _died_of = number
    if not _is_finishing:  # else a second signal, or one during exit: what it interrupts goes first
        _run()
        _die_of(number)


def _die_of(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _in_forked_child() -> None:
    global _is_finishing, _died_of
    _is_finishing, _died_of = False, None
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # Called in children of multiprocessing only, after they have forgotten the finalizers of
        # their parent.
        util.register_after_fork(_run, _finalize_in_child)


def _finalize_in_child(finish: Callable[[], None]) -> None:
    from multiprocessing.util import Finalize  # noqa: PLC0415 - it is there, or nobody calls this

    if _finish:
        Finalize(None, finish, exitpriority=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
