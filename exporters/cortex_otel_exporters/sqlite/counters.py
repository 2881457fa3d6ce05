"""The writer's counters of records by outcome, until they are in the ledger table.

For each signal, ``received = stored + sampled_out + dropped + still queued`` at any time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from cortex_otel_exporters import native

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel_exporters.sqlite.batch import LedgerEntry

__all__ = ["PATIENCE_SECONDS", "Counters"]

#: How long the writer thread waits for the lock.
PATIENCE_SECONDS = 0.05


class Counters:
    """Counts by signal, outcome and reason; safe between threads and in signal handlers."""

    def __init__(self) -> None:
        #: Re-entrant: a signal handler or finalizer of the host may emit while its own thread holds
        #: it. The writer thread never waits for it long.
        self.lock = native.RLock()
        # Not Counters: their first "+= 1" of a key runs Python code, where a signal handler could
        # interrupt and its own count be lost.
        self.received: defaultdict[str, int] = defaultdict(int)
        self.totals: defaultdict[str, int] = defaultdict(int)
        self._in_ledger: defaultdict[str, int] = defaultdict(int)
        self._unrecorded: defaultdict[LedgerEntry, int] = defaultdict(int)
        self._not_settled: list[tuple[Counter[LedgerEntry], int, int]] = []
        self._is_behind = False

    def sampled_out(self, signal: str, number: int) -> None:
        """Count ``number`` records that were received and left out by sampling."""
        with self.lock:
            self.received[signal] += number
            self._unrecorded[signal, "sampled_out", ""] += number
            self.totals["sampled_out"] += number

    def dropped(self, signal: str, reason: str, number: int = 1) -> None:
        """Count ``number`` received records that were lost, for ``reason``."""
        with self.lock:
            self._unrecorded[signal, "dropped", reason] += number
            self.totals[f"dropped|{reason}"] += number

    def noted(self, entry: LedgerEntry, number: int) -> None:
        """Count ``entry`` (signal, outcome, reason), which isn't the outcome of a record."""
        with self.lock:
            self._unrecorded[entry] += number

    def has_news(self) -> bool:
        """Whether there are counts for the ledger that no stored batch will carry."""
        return bool(self._unrecorded) or self._is_behind

    def lags(self) -> bool:
        """Whether the ledger lacks counts of records that are already stored."""
        return self._is_behind or bool(self._not_settled)

    def take(self, waiting: Callable[[], Mapping[str, int]]) -> Counter[LedgerEntry]:
        """The ledger entries for the next transaction.

        Args:
            waiting: returns how many records by signal stay queued after that transaction; called
                under the lock, when none can be added.
        """
        ledger: Counter[LedgerEntry] = Counter()
        # A signal handler may have interrupted the holder and be waiting for this thread: then
        # the events are stored without their counts, which follow with the next transaction.
        if not self.lock.acquire(timeout=PATIENCE_SECONDS):
            self._is_behind = True
            return ledger
        try:
            self._is_behind = False
            self._settle()
            ledger.update(self._unrecorded)
            for signal, queued in waiting().items():
                resolved = self.received[signal] - queued
                ledger[signal, "received", ""] += resolved - self._in_ledger[signal]
        finally:
            self.lock.release()
        return ledger

    def entered(self, ledger: Counter[LedgerEntry], stored: int, refused: int) -> None:
        """Note that the transaction with ``ledger`` is on disk, and what it stored and refused."""
        self._not_settled.append((ledger, stored, refused))
        if self.lock.acquire(timeout=PATIENCE_SECONDS):  # else with the next one, as above
            try:
                self._settle()
            finally:
                self.lock.release()

    def _settle(self) -> None:
        while self._not_settled:
            ledger, stored, refused = self._not_settled.pop()
            for entry, count in ledger.items():
                if entry[1] == "received":
                    self._in_ledger[entry[0]] += count
                else:
                    self._unrecorded[entry] -= count
                    if not self._unrecorded[entry]:
                        del self._unrecorded[entry]
            self.totals["stored"] += stored
            if refused:
                self.totals["dropped|invalid"] += refused

    def undelivered(self) -> dict[str, int]:
        """Counts that aren't in the ledger yet, except those left out by sampling.

        Returns:
            Counts by ``"signal|reason"`` for drops, ``"signal|outcome|reason"`` for what was noted.
        """
        return {
            f"{signal}|{reason}" if outcome == "dropped" else f"{signal}|{outcome}|{reason}": count
            for (signal, outcome, reason), count in list(self._unrecorded.items())
            if outcome != "sampled_out" and count
        }

    def summary(self) -> dict[str, object]:
        """The counts in the heartbeat file."""
        totals = dict(self.totals)
        return {
            "received": sum(self.received.values()),
            "stored": totals.get("stored", 0),
            "sampled_out": totals.get("sampled_out", 0),
            "dropped": {
                key.partition("|")[2]: count
                for key, count in totals.items()
                if key.startswith("dropped|")
            },
            "unrecorded": self.undelivered(),
        }
