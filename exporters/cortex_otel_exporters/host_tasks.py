"""What a thread of ours leaves to the host's own where the host's threads are greenlets.

Log handlers and metric callbacks are the host's code, and hold locks that are greenlets' then (see
:mod:`cortex_otel_exporters.native`). So our thread puts such work aside, and the next call from the
host, which is where it belongs, does it. Elsewhere it is done at once.
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
_MAX_TASKS = 100  # a host that never calls again: the newest matter
_pending: deque[Callable[[], object]] = deque(maxlen=_MAX_TASKS)


def defer(task: Callable[[], object]) -> bool:
    """Leave ``task`` to the host; ``False`` if the caller may do it by itself."""
    if not (native.is_patched() and native.is_own_thread()):
        return False
    _pending.append(task)
    return True


def run_pending() -> None:
    """Do what was left; on a thread of the host's. Never raises."""
    while _pending and not native.is_own_thread():
        with contextlib.suppress(Exception):
            _pending.popleft()()


def warn(message: str, *arguments: object, level: int = logging.WARNING) -> None:
    """Log a warning, or worse; never raises, whatever the host's filters and handlers do."""
    if not defer(partial(warn, message, *arguments, level=level)):
        with contextlib.suppress(Exception):
            _logger.log(level, message, *arguments)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pending.clear)  # they are the parent's
