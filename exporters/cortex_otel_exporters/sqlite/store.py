"""The database as the writer thread sees it: always writable, or in a trouble with a name.

Opens lazily (the host never pays for importing SQLite), notices when the file under its name has
been replaced, sets a corrupt one aside, and finds the one record that breaks a batch.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cortex_otel_exporters.record import MetricPoint, Record
    from cortex_otel_exporters.sqlite.batch import BatchWriter, LedgerEntry

__all__ = ["Outcome", "Store"]

# One attempt at a locked database; short, because a fork waits for it. The writer tries again.
_BUSY_TIMEOUT_MS = 250

_leaked: list[object] = []


class Outcome(NamedTuple):
    """What became of a batch."""

    refused: int = 0
    """Records that were set aside for what they are."""
    trouble: str = ""
    """Why nothing could be written (see ``files.TROUBLES``); ``""`` if it was."""
    error: Exception | None = None


class Store:
    """One database file; not thread-safe."""

    def __init__(self, path: Path, *, synchronous: str = "NORMAL") -> None:
        self._path = path
        self._synchronous = synchronous
        self._batches: BatchWriter | None = None
        self._file: tuple[int, int] | None = None
        self._just_replaced = False

    def write(
        self,
        records: Sequence[Record],
        points: Sequence[MetricPoint],
        ledger: Counter[LedgerEntry],
    ) -> Outcome:
        """Store a batch in one transaction, or say why not; never raises."""
        from cortex_otel_exporters.sqlite.files import trouble_of  # noqa: PLC0415 - needs apsw

        try:
            outcome = Outcome(self._open().write(records, points, ledger))
        except Exception as error:  # noqa: BLE001 - named below
            trouble = trouble_of(error)
            if trouble is None:
                return self._write_one_by_one(records, points, ledger)
            if trouble != "locked":
                self.close()
            if trouble == "corrupt" and self._replaced():
                return self.write(records, points, ledger)
            return Outcome(trouble=trouble, error=error)
        self._just_replaced = False
        return outcome

    def close(self) -> None:
        """Close the database; the next write opens it again."""
        if self._batches is not None:
            with contextlib.suppress(Exception):
                self._batches.close()
            self._batches = None

    def leak(self) -> None:
        """Forget the connection without closing it (see :mod:`.forks`)."""
        _leaked.append(self._batches)
        self._batches = None

    def _open(self) -> BatchWriter:
        from cortex_otel_exporters.sqlite.batch import BatchWriter  # noqa: PLC0415 - needs apsw
        from cortex_otel_exporters.sqlite.files import (  # noqa: PLC0415 - the same
            identity_of,
            open_for_writing,
        )

        # Deleted, or set aside by another process: nobody reads what is written there.
        if self._batches is not None and identity_of(self._path) == self._file:
            return self._batches
        self.close()
        self._file = identity_of(self._path)
        connection = open_for_writing(
            self._path, busy_timeout_ms=_BUSY_TIMEOUT_MS, synchronous=self._synchronous
        )
        self._file = identity_of(self._path)
        self._batches = BatchWriter(connection)
        self._adopt_orphans(self._batches)
        return self._batches

    def _adopt_orphans(self, batches: BatchWriter) -> None:
        from cortex_otel_exporters.sqlite.heartbeat import claim_orphans  # noqa: PLC0415 - rare

        entries, files = claim_orphans(self._path.parent)
        if entries:
            batches.write([], [], entries)
        for file in files:
            with contextlib.suppress(OSError):
                file.unlink()

    def _replaced(self) -> bool:
        """Set the corrupt file aside; ``False`` if that was just done, or can't be."""
        from cortex_otel_exporters.sqlite.files import set_aside  # noqa: PLC0415 - needs apsw

        if self._just_replaced:
            return False
        try:
            set_aside(self._path, self._file)
        except OSError:
            return False
        self._just_replaced = True
        return True

    def _write_one_by_one(
        self,
        records: Sequence[Record],
        points: Sequence[MetricPoint],
        ledger: Counter[LedgerEntry],
    ) -> Outcome:
        """A record broke the whole batch in a way nobody foresaw: find it, keep the others.

        One transaction still, so that a trouble on the way leaves the whole batch to try again.
        """
        from cortex_otel_exporters.sqlite.files import trouble_of  # noqa: PLC0415 - needs apsw

        batches = self._open()
        good_records, good_points = list(records), list(points)
        for record in records:
            if not batches.accepts([record], []):
                good_records.remove(record)
        for point in points:
            if not batches.accepts([], [point]):
                good_points.remove(point)
        events, metrics = len(records) - len(good_records), len(points) - len(good_points)
        told = Counter(ledger)
        told["event", "dropped", "invalid"] += events
        told["metric", "dropped", "invalid"] += metrics
        try:
            refused = batches.write(good_records, good_points, told)
        except Exception as error:  # noqa: BLE001 - two records that only break together
            trouble = trouble_of(error) or "unavailable"
            return Outcome(trouble=trouble, error=error)
        return Outcome(refused + events + metrics)
