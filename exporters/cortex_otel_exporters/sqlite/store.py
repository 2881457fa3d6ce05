"""The database as the writer thread uses it: a write either succeeds or fails for a named reason.

Opens lazily (the host never pays for importing SQLite), notices when the file was replaced, sets a
corrupt one aside, and finds the record that breaks a batch.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from cortex_otel_exporters.disk import identity_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cortex_otel_exporters.presence import Presence
    from cortex_otel_exporters.record import MetricPoint, Record
    from cortex_otel_exporters.sqlite.batch import BatchWriter, LedgerEntry
    from cortex_otel_exporters.sqlite.duplicates import Share
    from cortex_otel_exporters.sqlite.imported import ImportedPiece
    from cortex_otel_exporters.sqlite.size_cap import SizeCap

__all__ = ["Outcome", "Store"]

# One attempt at a locked database; short, because a fork waits for it. The writer tries again.
_BUSY_TIMEOUT_MS = 250

_FULL_BELOW_BYTES = 64 * 1024  # less than one WAL index and a batch


class Outcome(NamedTuple):
    """The result of writing a batch."""

    refused: int = 0
    """How many records and points were refused as invalid."""
    trouble: str = ""
    """Why nothing could be written (see ``files.TROUBLES``); ``""`` if it was."""
    error: Exception | None = None
    refused_records: Sequence[int] = ()
    """Their positions in the batch."""
    refused_points: Sequence[int] = ()
    duplicate_records: Sequence[int] = ()
    """Positions of those that an earlier batch has stored."""

    def stored(self, records: Sequence[Record]) -> Sequence[Record]:
        """Those of the batch's ``records`` that were stored by it."""
        if self.trouble:
            return []
        others = {*self.refused_records, *self.duplicate_records}
        if not others:
            return records
        return [each for place, each in enumerate(records) if place not in others]


class Store:
    """One database file; not thread-safe.

    Args:
        path: the database file.
        synchronous: ``FULL`` where an acknowledgement must survive a power cut.
        once: skip records that are stored already; for records that may be sent again.
        max_bytes: of the database, for :meth:`keep_size`; 0 for any size.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: str = "NORMAL",
        once: bool = False,
        max_bytes: int = 0,
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._size_cap: SizeCap | None = None
        self._synchronous = synchronous
        self._once = once
        self._batches: BatchWriter | None = None
        self._file: tuple[int, int] | None = None
        self._just_replaced = False

    def write(
        self,
        records: Sequence[Record],
        points: Sequence[MetricPoint],
        ledger: Counter[LedgerEntry],
        shares: Sequence[Share] = (),
        presences: Sequence[Presence] = (),
        *,
        pieces: Sequence[ImportedPiece] = (),
    ) -> Outcome:
        """Store a batch in one transaction; never raises.

        Args:
            records: events.
            points: metric points.
            ledger: other counts to add.
            shares: the requests they came in; updated only if this succeeds.
            presences: of what was sampled out.
            pieces: of imported files, that end with this batch.
        """
        from cortex_otel_exporters.sqlite.files import trouble_of  # noqa: PLC0415 - needs apsw

        try:
            refused = self._open().write(records, points, ledger, shares, presences, pieces=pieces)
            outcome = Outcome(
                len(refused),
                refused_records=refused.records,
                refused_points=refused.points,
                duplicate_records=refused.duplicates,
            )
        except Exception as error:  # noqa: BLE001 - named below
            trouble = trouble_of(error)
            if trouble == "corrupt" and self._replaced():
                return self.write(records, points, ledger, shares, presences, pieces=pieces)
            if trouble is not None:
                return self._failed(trouble, error)
            try:
                entries = Counter(ledger)
                if presences:  # any of them may be it
                    entries["presence", "dropped", "invalid"] += len(presences)
                outcome = self._write_one_by_one(records, points, entries, shares, pieces)
            except Exception as other:  # noqa: BLE001 - the store's, or records that only break together
                return self._failed(trouble_of(other) or "unavailable", other)
        self._just_replaced = False
        return outcome

    def keep_size(self, rows: int) -> None:
        """Delete a few of the oldest events if the database is too large; never raises.

        Args:
            rows: how many were written since the last time.
        """
        if self._batches is None or not self._max_bytes:
            return
        with contextlib.suppress(Exception):  # the next batch tells what is wrong
            if self._size_cap is None:
                from cortex_otel_exporters.sqlite.size_cap import SizeCap  # noqa: PLC0415 - apsw

                self._size_cap = SizeCap(self._max_bytes)
            self._size_cap.after_batch(self._batches.connection, rows)

    @staticmethod
    def prepare() -> None:
        """Import what :meth:`write` needs, which its first call does otherwise."""
        with contextlib.suppress(ImportError):  # the write will report it
            import cortex_otel_exporters.sqlite.batch  # noqa: PLC0415 - needs apsw
            import cortex_otel_exporters.sqlite.size_cap  # noqa: F401, PLC0415 - the same

    def _failed(self, trouble: str, error: Exception) -> Outcome:
        if trouble != "locked":
            self.close()
        if trouble == "unavailable":
            trouble = self._trouble_of_disk()
        return Outcome(trouble=trouble, error=error)

    def _trouble_of_disk(self) -> str:
        """The cause of an I/O error, or of a file that can't be opened, from the directory."""
        home = self._path.parent
        with contextlib.suppress(OSError):
            if shutil.disk_usage(home).free < _FULL_BELOW_BYTES:
                return "disk_full"
            if not os.access(home, os.W_OK):
                return "read_only"
        return "unavailable"

    def close(self, *, checkpoint: bool = True) -> None:
        """Close the database, at once if not ``checkpoint``; the next write opens it again."""
        if self._batches is not None:
            with contextlib.suppress(Exception):
                self._batches.close(checkpoint=checkpoint)
            self._batches = None

    def leak(self) -> None:
        """Drop a connection that was in use at a fork, never closing it: see :mod:`.forks`."""
        if self._batches is not None:
            import ctypes  # noqa: PLC0415 - rare

            # A list of them would be cleared at interpreter exit, and the connections closed.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._batches))
            self._batches = None

    def _open(self) -> BatchWriter:
        from cortex_otel_exporters.sqlite.batch import BatchWriter  # noqa: PLC0415 - needs apsw
        from cortex_otel_exporters.sqlite.files import open_for_writing  # noqa: PLC0415 - the same

        # Reopen a file that was deleted, or set aside by another process: nobody reads it.
        if self._batches is not None and identity_of(self._path) == self._file:
            return self._batches
        self.close()
        self._file = identity_of(self._path)
        batches = BatchWriter(
            open_for_writing(
                self._path, busy_timeout_ms=_BUSY_TIMEOUT_MS, synchronous=self._synchronous
            ),
            once=self._once,
        )
        try:
            if self._file is None:
                self._file = identity_of(self._path)
            self._adopt_orphans(batches)
        except BaseException:
            batches.close()
            raise
        # If the file was replaced while it was opened, the next write notices.
        self._batches = batches
        return batches

    def _adopt_orphans(self, batches: BatchWriter) -> None:
        from cortex_otel_exporters.sqlite.heartbeat import (  # noqa: PLC0415 - rare
            claim_orphans,
            give_back,
        )

        entries, files = claim_orphans(self._path.parent)
        if entries:
            try:
                batches.write([], [], entries)
            except BaseException:
                give_back(files)
                raise
        for file in files:
            with contextlib.suppress(OSError):
                file.unlink()

    def _replaced(self) -> bool:
        """Set the corrupt file aside; ``False`` if that was just done, or fails."""
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
        shares: Sequence[Share],
        pieces: Sequence[ImportedPiece],
    ) -> Outcome:
        """Store a batch that an unforeseen error in a record broke, without that record.

        Still one transaction, so that a trouble of the store leaves the whole batch to try again.
        """
        batches = self._open()
        good = [place for place, one in enumerate(records) if batches.accepts([one], [])]
        good_points = [place for place, one in enumerate(points) if batches.accepts([], [one])]
        entries = Counter(ledger)
        entries["event", "dropped", "invalid"] += len(records) - len(good)
        entries["metric", "dropped", "invalid"] += len(points) - len(good_points)
        later = batches.write(
            [records[place] for place in good],
            [points[place] for place in good_points],
            entries,
            _shares_of(shares, good, good_points),
            pieces=pieces,
        )
        refused = sorted({*range(len(records))} - {*good} | {good[one] for one in later.records})
        refused_points = sorted(
            {*range(len(points))} - {*good_points} | {good_points[one] for one in later.points}
        )
        return Outcome(
            len(refused) + len(refused_points),
            refused_records=refused,
            refused_points=refused_points,
            duplicate_records=[good[one] for one in later.duplicates],
        )


def _shares_of(shares: Sequence[Share], records: list[int], points: list[int]) -> list[Share]:
    """``shares`` if only the records and points at these sorted positions are written."""
    result: list[Share] = []
    last_record = last_point = 0
    for delivery, count, count_points in shares:
        first_record, last_record = last_record, last_record + count
        first_point, last_point = last_point, last_point + count_points
        result.append(
            (
                delivery,
                bisect_left(records, last_record) - bisect_left(records, first_record),
                bisect_left(points, last_point) - bisect_left(points, first_point),
            )
        )
    return result
