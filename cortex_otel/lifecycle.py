"""How a process ends: normal exit, SIGTERM, SIGHUP, a closed stdin. Each drains the queue first.

The reference MCP client closes stdin, waits two seconds and sends SIGTERM; Python runs no
``atexit`` for a signal that nobody handles. So where nobody handles it, we do: store, then die of
the same signal, with the exit status the parent expects. A handler that the host installs, before
or after, is left alone: then the host ends by itself, and ``atexit`` runs.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from typing import TYPE_CHECKING

from cortex_otel import guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["at_exit"]

_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_finish: list[Callable[[], object]] = []


def at_exit(finish: Callable[[], object]) -> None:
    """Call ``finish`` once before the process ends; it bounds its own time.

    Args:
        finish: drains and stops; must be idempotent and safe in a signal handler.
    """
    if not _finish:
        atexit.register(_run)
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, _on_signal)
    _finish.append(finish)


def _run() -> None:
    while _finish:
        try:
            _finish.pop()()
        except Exception as error:  # noqa: BLE001 - the process is ending, and is the host's
            guard.swallowed("lifecycle.exit", error)


def _on_signal(number: int, frame: FrameType | None) -> None:
    del frame
    _run()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
