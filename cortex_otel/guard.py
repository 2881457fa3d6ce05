"""The one guard between telemetry and its host: nothing of ours ever raises into it.

Every entrance from the host's code ends in ``except Exception as error: guard.swallowed(…)``.
``BaseException`` (cancellation, Ctrl-C, exit) is never caught: it belongs to the host.

Swallowed faults are counted by place and logged at a limited rate, so that telemetry that
silently does nothing can be found out (``cortex-otel status``). Once there is a store, its ledger
is told of them too, and of the records they cost: what the process knew outlives it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Final, Protocol

from cortex_otel_exporters import host_tasks, native

__all__ = ["Ledger", "faults", "report_to", "rethrow_in_tests", "swallowed", "warn_once"]

# Errors of telemetry must not reach the host's logs through a handler that exports them again,
# nor its stdout: with no handler configured, the logging module writes warnings to stderr.
_SECONDS_BETWEEN_LOGS = 60.0
#: Places told apart; they have names of ours, but some end in one of a declared event or exporter.
_MAX_LOCATIONS: Final = 48
_OTHER: Final = "_OTHER"

# Re-entrant: a signal handler or finalizer of the host may come in while its own thread is here.
_lock = native.RLock()
_counts: Counter[str] = Counter()
_last_logged: dict[str, float] = {}
_warned: set[str] = set()
_rethrow = False


class Ledger(Protocol):
    """Where faults are told; the store's writer."""

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Enter ``number`` faults (signal ``fault``) by place (``reason``)."""
        ...

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Enter ``number`` records that never came to be, by reason (``fault``)."""
        ...


_ledger: Ledger | None = None
# What no ledger has been told of yet.
_untold: Counter[str] = Counter()
_untold_lost = 0
# A ledger that has faults of its own must not be told of them while it is being told.
_telling = native.Local()


def swallowed(place: str, error: Exception, *, lost: int = 0) -> None:
    """Count ``error`` as swallowed at ``place``; log its type (never its text) once a minute.

    Args:
        place: a dotted name of where it happened, e.g. ``instrument_tool.start``.
        error: the exception; its message may hold the host's data, so it isn't logged.
        lost: how many records (events) will never be made because of it.

    Raises:
        Exception: ``error`` itself, only where :func:`rethrow_in_tests` asked for it.
    """
    if _rethrow:
        raise error
    global _untold_lost  # noqa: PLW0603 - one process, one guard
    with _lock:
        if place not in _counts and len(_counts) >= _MAX_LOCATIONS:
            place = _OTHER
        _counts[place] += 1
        _untold[place] += 1
        _untold_lost += lost
    _tell()
    with _lock:
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
        place,
        kind,
        where,
        count,
    )


def report_to(ledger: Ledger | None) -> None:
    """Tell ``ledger`` of every fault from now on, and of those that had nobody to be told to."""
    global _ledger  # noqa: PLW0603 - one process, one guard
    _ledger = ledger
    _tell()


def _tell() -> None:
    global _untold_lost  # noqa: PLW0603 - the same
    ledger = _ledger
    if ledger is None or getattr(_telling, "now", False):
        return
    with _lock:
        places, lost = dict(_untold), _untold_lost
        _untold.clear()
        _untold_lost = 0
    # Not under the lock: the ledger has one of its own, whose holder may be about to come in here.
    _telling.now = True
    try:
        for place, number in list(places.items()):
            ledger.note("fault", "swallowed", place, number)
            del places[place]
        if lost:
            ledger.count_dropped("fault", lost)
    except Exception:  # noqa: BLE001 - it must not come back here; told with the next fault
        with _lock:
            _untold.update(places)
            _untold_lost += lost
    finally:
        _telling.now = False


def warn_once(key: str, message: str, *arguments: object) -> None:
    """Log ``message`` as a warning the first time ``key`` is seen in this process."""
    with _lock:
        if key in _warned:
            return
        _warned.add(key)
    _warn(message, *arguments)


def _warn(message: str, *arguments: object) -> None:
    host_tasks.warn(message, *arguments)


def faults() -> dict[str, int]:
    """Swallowed faults so far, by place."""
    with _lock:
        return dict(_counts)


def rethrow_in_tests(enabled: bool) -> None:  # noqa: FBT001 - a switch is what it is
    """Make :func:`swallowed` re-raise, so that a test fails on what a host would never see."""
    global _rethrow, _untold_lost  # noqa: PLW0603 - one process, one guard
    _rethrow = enabled
    with _lock:
        _counts.clear()
        _untold.clear()
        _untold_lost = 0
        _last_logged.clear()
        _warned.clear()


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held it; and what the parent hasn't told is its own.
    global _lock, _untold_lost  # noqa: PLW0603
    _lock = native.RLock()
    _untold.clear()
    _untold_lost = 0
    _telling.now = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
