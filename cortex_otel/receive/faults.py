"""Faults of the receiver on their way to the ledger: they go with the next transaction."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cortex_otel_exporters.sqlite.batch import LedgerEntry

__all__ = ["Faults"]


class Faults:
    """What :mod:`cortex_otel.guard` is to tell; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: Counter[LedgerEntry] = Counter()

    def note(self, signal: str, outcome: str, reason: str, number: int = 1) -> None:
        """Keep ``number`` faults by place."""
        with self._lock:
            self._entries[signal, outcome, reason] += number

    def count_dropped(self, reason: str, number: int = 1, signal: str = "event") -> None:
        """Keep ``number`` records that never came to be."""
        with self._lock:
            self._entries[signal, "received", ""] += number
            self._entries[signal, "dropped", reason] += number

    def take_notes(self, entries: Counter[LedgerEntry]) -> None:
        """Move ``entries`` here."""
        if entries:
            self.give_back(entries)
            entries.clear()

    def take(self) -> Counter[LedgerEntry]:
        """What there is; it is entered now, or given back."""
        with self._lock:
            entries, self._entries = self._entries, Counter()
        return entries

    def give_back(self, entries: Counter[LedgerEntry]) -> None:
        """It could not be entered."""
        with self._lock:
            self._entries.update(entries)
