"""Tasks that a thread of ours defers to the host's threads, where these are greenlets.

Log handlers and metric callbacks are the host's code, and then use greenlet locks (see
:mod:`cortex_otel_exporters.native`). So our thread queues such work, and the next call from the
host runs it. Without greenlets it runs at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["defer", "run_pending", "warn"]

_logger = logging.getLogger("cortex_otel")
_MAX_TASKS = 100  # if the host never calls again, the newest are kept
_pending: deque[Callable[[], object]] = deque(maxlen=_MAX_TASKS)


def defer(task: Callable[[], object]) -> bool:
    """Queue ``task`` for the host's threads; ``False`` if the caller can run it itself."""
    if not (native.is_patched() and native.is_own_thread()):
        return False
    _pending.append(task)
    return True


def run_pending() -> None:
    """Run the deferred tasks; on a thread of the host. Never raises."""
    while _pending and not native.is_own_thread():
        with contextlib.suppress(Exception):
            _pending.popleft()()


def warn(message: str, *arguments: object, level: int = logging.WARNING) -> None:
    """Log at WARNING or ``level``; never raises, whatever the host's filters and handlers do."""
    if not defer(partial(warn, message, *arguments, level=level)):
        with contextlib.suppress(Exception):
            _logger.log(level, message, *arguments)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pending.clear)  # they are the parent's
