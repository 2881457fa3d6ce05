"""Where records go: the store; or nowhere, to tell what would become of them."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cortex_otel_exporters.sqlite.duplicates import Delivery, KnownEvents, KnownPoints
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.imported import imported_in, next_key, pieces_from, recorded
from cortex_otel_exporters.sqlite.reader import StoreError, StoreMissingError, open_reader
from cortex_otel_exporters.sqlite.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import apsw

    from cortex_otel.receive.intake import Part
    from cortex_otel_exporters.record import MetricPoint, Record
    from cortex_otel_exporters.sqlite.imported import ImportedPiece

__all__ = ["DryRun", "StoppedError", "Stored", "Target"]

_METRIC: Final = "metric"
# Other writers hold the lock for milliseconds; who holds it for so long holds it for good.
_LOCKED_FOR_SECONDS: Final = 30.0
_NO_KEY: Final = 1 << 62


class StoppedError(Exception):
    """The store can't be written.

    Args:
        trouble: why, one of ``files.TROUBLES``.
    """

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Stored(NamedTuple):
    """What became of a part."""

    duplicates: int
    refused_records: Sequence[int]
    """Their places in the part."""
    refused_points: Sequence[int]
    imported: list[tuple[str, int, int, int]]
    """Event type (``metric`` for points), how many, and their first and last time, Unix ns."""


class _Deliveries:
    """Two pieces at a time as one request, for the store to tell equal lines from a repeated one.

    A whole file as one would be remembered whole.
    """

    def __init__(self) -> None:
        self.now = self._last = Delivery()

    def begin(self) -> None:
        """A piece begins."""
        self.now = Delivery()
        for now, last in (
            (self.now.events, self._last.events),
            (self.now.points, self._last.points),
        ):
            now.keys, now.matched = [*last.keys], Counter(last.matched)

    def end(self) -> None:
        """It is stored: of what was before it nothing is needed any more."""
        own = Delivery()
        for mine, now, last in (
            (own.events, self.now.events, self._last.events),
            (own.points, self.now.points, self._last.points),
        ):
            mine.keys = new_keys(now.keys, last.keys)
            mine.matched = now.matched - last.matched
        self._last = own


def new_keys(now: Sequence[range], before: Sequence[range]) -> list[range]:
    """Keys that were added to ``before``, which they all follow."""
    start = before[-1].stop if before else 0
    return [range(max(keys.start, start), keys.stop) for keys in now if keys.stop > start]


class _Reading:
    """Reads the store, if there is one."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._connection: apsw.Connection | None = None

    def connection(self) -> apsw.Connection | None:
        """A connection for reading; ``None`` if there is no database yet."""
        if self._connection is None:
            try:
                self._connection = open_reader(self._database)
            except StoreMissingError:
                return None
        return self._connection

    def close(self) -> None:
        """Close it."""
        if self._connection is not None:
            self._connection.close()


class Target:
    """The store.

    Args:
        database: its file.

    Raises:
        StoreError: it is damaged, newer, or another program's.
    """

    def __init__(self, database: Path) -> None:
        self._reading = _Reading(database)
        self._check(database)
        self._store = Store(database, once=True)
        self._deliveries = _Deliveries()
        self._before = 0

    def _check(self, database: Path) -> None:
        """Whether the database is one that can be used; brings an older one up to date."""
        try:
            self._reading.connection()
        except StoreError as error:
            if error.reason != "older":
                raise
            open_for_writing(database).close()

    def close(self) -> None:
        """Close the database."""
        self._reading.close()
        self._store.close()

    def begin_file(self) -> None:
        """What follows is of another file: equal lines are the same ones."""
        self._deliveries = _Deliveries()
        connection = self._reading.connection()
        self._before = 0 if connection is None else next_key(connection)

    def begin_piece(self) -> None:
        """What follows is of one piece."""
        self._deliveries.begin()

    def end_piece(self) -> None:
        """All of it is stored."""
        self._deliveries.end()

    def pieces_from(self, first: bytes) -> list[ImportedPiece]:
        """Known pieces that begin with a line."""
        connection = self._reading.connection()
        return [] if connection is None else pieces_from(connection, first)

    def recorded(self, wanted: Sequence[tuple[Record, int]]) -> Counter[tuple[Any, ...]]:
        """How many events like these were here before the file."""
        connection = self._reading.connection() if self._before else None
        return Counter() if connection is None else recorded(connection, wanted, self._before)

    def write(self, part: Part, pieces: Sequence[ImportedPiece]) -> Stored:
        """Store a part in one transaction.

        Raises:
            StoppedError: it can't be.
        """
        delivery = self._deliveries.now
        before, before_points = [*delivery.events.keys], [*delivery.points.keys]
        duplicates = delivery.duplicates
        shares = [(delivery, len(part.records), len(part.points))]
        deadline = time.monotonic() + _LOCKED_FOR_SECONDS
        while True:
            outcome = self._store.write(
                part.records, part.points, part.ledger, shares, pieces=pieces
            )
            if not outcome.trouble:
                break
            if outcome.trouble != "locked" or time.monotonic() >= deadline:
                raise StoppedError(outcome.trouble)
        imported: list[tuple[str, int, int, int]] = []
        found = delivery.duplicates - duplicates
        if not found and not outcome.refused:
            imported = _summed(part.records, part.points)
        elif (connection := self._reading.connection()) is not None:
            imported = imported_in(
                connection,
                new_keys(delivery.events.keys, before),
                new_keys(delivery.points.keys, before_points),
            )
        return Stored(found, outcome.refused_records, outcome.refused_points, imported)


class DryRun(Target):
    """Tells what the store would do, and changes nothing.

    Args:
        database: its file, which there need not be.
    """

    def __init__(self, database: Path) -> None:
        super().__init__(database)
        self._seen: dict[bytes, list[ImportedPiece]] = {}

    def _check(self, database: Path) -> None:
        """The same; an older one is left as it is."""
        del database
        self._reading.connection()

    def pieces_from(self, first: bytes) -> list[ImportedPiece]:
        """Those of the store, and those that this run would have added."""
        return [*super().pieces_from(first), *self._seen.get(first, ())]

    def write(self, part: Part, pieces: Sequence[ImportedPiece]) -> Stored:
        """Count what is new of a part."""
        for piece in pieces:
            self._seen.setdefault(piece.first, []).append(piece)
        connection = self._reading.connection()
        if connection is None:
            return Stored(0, (), (), _summed(part.records, part.points))
        delivery = self._deliveries.now
        shares = [(delivery, len(part.records), len(part.points))]
        records, points = part.records, part.points
        if records:
            known = KnownEvents(connection, records, shares)
            records = [one for at, one in enumerate(records) if known.add(at, one, _row(at, one))]
            known.committed()
        if points:
            known_points = KnownPoints(connection, points, shares)
            points = [one for at, one in enumerate(points) if known_points.add(at, one)]
            known_points.committed()
        duplicates = len(part.records) - len(records) + len(part.points) - len(points)
        return Stored(duplicates, (), (), _summed(records, points))


def _row(at: int, record: Record) -> tuple[object, ...]:
    """What of a row of ``events`` tells spans that were recorded in process."""
    span_id = record.span_id
    return (
        _NO_KEY + at, record.time_unix_nano, record.duration_nano, 0, 0, 0, None,
        record.trace_id.to_bytes(16, "big") if record.trace_id else None,
        span_id - (1 << 64) if span_id >= 1 << 63 else span_id or None,
        None, None, None, None, None,
    )  # fmt: skip


def _summed(
    records: Iterable[Record], points: Iterable[MetricPoint]
) -> list[tuple[str, int, int, int]]:
    sums: dict[str, list[int]] = {}
    times = [(one.series.event_type, one.time_unix_nano) for one in records]
    times += [(_METRIC, one.time_unix_nano) for one in points]
    for kind, at in times:
        one = sums.get(kind)
        if one is None:
            sums[kind] = [1, at, at]
        else:
            one[0] += 1
            one[1], one[2] = min(one[1], at), max(one[2], at)
    return [(kind, *one) for kind, one in sums.items()]  # type: ignore[misc]
