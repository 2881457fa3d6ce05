"""The one guard between telemetry and its host: nothing of ours ever raises into it.

Every entrance from the host's code ends in ``except Exception as error: guard.swallowed(…)``.
``BaseException`` (cancellation, Ctrl-C, exit) is never caught: it belongs to the host.

Swallowed faults are counted by place and logged at a limited rate, so that telemetry that
silently does nothing can be found out (``cortex-otel status``).
"""

from __future__ import annotations

import os
import time
from collections import Counter

from cortex_otel_exporters import errands, native

__all__ = ["faults", "rethrow_in_tests", "swallowed", "warn_once"]

# Errors of telemetry must not reach the host's logs through a handler that exports them again,
# nor its stdout: with no handler configured, the logging module writes warnings to stderr.
_SECONDS_BETWEEN_LOGS = 60.0

# Re-entrant: a signal handler or finalizer of the host may come in while its own thread is here.
_lock = native.RLock()
_counts: Counter[str] = Counter()
_last_logged: dict[str, float] = {}
_warned: set[str] = set()
_rethrow = False


def swallowed(place: str, error: Exception) -> None:
    """Count ``error`` as swallowed at ``place``; log its type (never its text) once a minute.

    Args:
        place: a dotted name of where it happened, e.g. ``instrument_tool.start``.
        error: the exception; its message may hold the host's data, so it isn't logged.

    Raises:
        Exception: ``error`` itself, only where :func:`rethrow_in_tests` asked for it.
    """
    if _rethrow:
        raise error
    with _lock:
        _counts[place] += 1
        now = time.monotonic()
        if now - _last_logged.get(place, -_SECONDS_BETWEEN_LOGS) < _SECONDS_BETWEEN_LOGS:
            return
        _last_logged[place] = now
        count = _counts[place]
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    where = f"{traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}" if traceback else "?"
    # A class made at run time may be called anything.
    kind = type(error).__name__ if type(error).__name__.isidentifier() else "Exception"
    _warn(
        "telemetry fault at %s: %s in %s (%d so far; the host is not affected)",
        place, kind, where, count,
    )  # fmt: skip


def warn_once(key: str, message: str, *arguments: object) -> None:
    """Log ``message`` as a warning the first time ``key`` is seen in this process."""
    with _lock:
        if key in _warned:
            return
        _warned.add(key)
    _warn(message, *arguments)


def _warn(message: str, *arguments: object) -> None:
    errands.warn(message, *arguments)


def faults() -> dict[str, int]:
    """Swallowed faults so far, by place."""
    with _lock:
        return dict(_counts)


def rethrow_in_tests(enabled: bool) -> None:  # noqa: FBT001 - a switch is what it is
    """Make :func:`swallowed` re-raise, so that a test fails on what a host would never see."""
    global _rethrow  # noqa: PLW0603 - one process, one guard
    _rethrow = enabled
    with _lock:
        _counts.clear()
        _last_logged.clear()
        _warned.clear()


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held it.
    global _lock  # noqa: PLW0603
    _lock = native.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
