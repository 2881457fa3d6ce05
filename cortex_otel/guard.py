"""The guard between telemetry and its host: no exception of ours ever reaches the host.

Every entry point from the host's code ends in ``except Exception as error: guard.swallowed(…)``.
``BaseException`` (cancellation, Ctrl-C, exit) is never caught: it belongs to the host.

Swallowed faults are counted by location and logged at a limited rate, so that telemetry that
silently does nothing is noticed (``cortex-otel status``). Once there is a store, its ledger records
them too, and the records they cost, so that the counts outlive the process.
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
#: Locations counted separately; the names are ours, but some end in that of an event or exporter.
_MAX_LOCATIONS: Final = 48
_OTHER: Final = "_OTHER"

# Re-entrant: a signal handler or finalizer of the host may run while its thread holds the lock.
_lock = native.RLock()
_counts: Counter[str] = Counter()
_last_logged: dict[str, float] = {}
_warned: set[str] = set()
_rethrow = False


class Ledger(Protocol):
    """Where faults are recorded; the store's writer."""

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Enter ``number`` faults (signal ``fault``) by location (``reason``)."""
        ...

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Enter ``number`` records that were never made, by reason (``fault``)."""
        ...


_ledger: Ledger | None = None
# Not reported to any ledger yet.
_unreported: Counter[str] = Counter()
_unreported_lost = 0
# A ledger whose own call faults must not be called again while it is being called.
_reporting = native.Local()


def swallowed(place: str, error: Exception, *, lost: int = 0) -> None:
    """Count ``error`` as swallowed at ``place``; log its type (never its text) once a minute.

    Args:
        place: a dotted name of where it happened, e.g. ``instrument_tool.start``.
        error: the exception; its message may hold the host's data, so it isn't logged.
        lost: how many records (events) are lost because of it.

    Raises:
        Exception: ``error`` itself, only where :func:`rethrow_in_tests` asked for it.
    """
    if _rethrow:
        raise error
    global _unreported_lost  # noqa: PLW0603 - one process, one guard
    with _lock:
        if place not in _counts and len(_counts) >= _MAX_LOCATIONS:
            place = _OTHER
        _counts[place] += 1
        _unreported[place] += 1
        _unreported_lost += lost
    _report()
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
    # A class created at run time may have any name.
    kind = type(error).__name__ if type(error).__name__.isidentifier() else "Exception"
    _warn(
        "telemetry fault at %s: %s in %s (%d so far; the host is not affected)",
        place,
        kind,
        where,
        count,
    )


def report_to(ledger: Ledger | None) -> None:
    """Report every fault to ``ledger`` from now on, and those that aren't reported yet."""
    global _ledger  # noqa: PLW0603 - one process, one guard
    _ledger = ledger
    _report()


def _report() -> None:
    global _unreported_lost  # noqa: PLW0603 - the same
    ledger = _ledger
    if ledger is None or getattr(_reporting, "now", False):
        return
    with _lock:
        counts, lost = dict(_unreported), _unreported_lost
        _unreported.clear()
        _unreported_lost = 0
    # Not under the lock: the ledger has its own lock, whose holder may be waiting for ours.
    _reporting.now = True
    try:
        for place, number in list(counts.items()):
            ledger.note("fault", "swallowed", place, number)
            del counts[place]
        if lost:
            ledger.count_dropped("fault", lost)
    except Exception:  # noqa: BLE001 - must not recurse; reported with the next fault
        with _lock:
            _unreported.update(counts)
            _unreported_lost += lost
    finally:
        _reporting.now = False


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
    """Swallowed faults so far, by location."""
    with _lock:
        return dict(_counts)


def rethrow_in_tests(enabled: bool) -> None:  # noqa: FBT001 - a switch
    """Make :func:`swallowed` re-raise, so that a test fails where a host would see nothing."""
    global _rethrow, _unreported_lost  # noqa: PLW0603 - one process, one guard
    _rethrow = enabled
    with _lock:
        _counts.clear()
        _unreported.clear()
        _unreported_lost = 0
        _last_logged.clear()
        _warned.clear()


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held the lock; unreported faults are the parent's.
    global _lock, _unreported_lost  # noqa: PLW0603
    _lock = native.RLock()
    _unreported.clear()
    _unreported_lost = 0
    _reporting.now = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
