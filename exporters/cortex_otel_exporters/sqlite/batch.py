"""One transaction: the events of a batch, their sessions, roll-ups, metrics and ledger.

All or nothing: the views and the ledger can't disagree. An invalid record is left out and counted;
the others of its batch are stored.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import apsw

from cortex_otel_exporters.sqlite.batch_totals import BatchTotals
from cortex_otel_exporters.sqlite.checks import check_point, check_presence, check_record
from cortex_otel_exporters.sqlite.dimensions import Dimensions
from cortex_otel_exporters.sqlite.duplicates import Delivery, KnownEvents, KnownPoints
from cortex_otel_exporters.sqlite.files import trouble_of
from cortex_otel_exporters.sqlite.imported import add_pieces
from cortex_otel_exporters.sqlite.inserts import Insert
from cortex_otel_exporters.sqlite.sessions import catch_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel_exporters.presence import Presence
    from cortex_otel_exporters.record import MetricPoint, Record
    from cortex_otel_exporters.sqlite.duplicates import Share
    from cortex_otel_exporters.sqlite.imported import ImportedPiece

__all__ = ["BatchWriter", "LedgerEntry", "Refused"]

_NS_A_DAY = 86_400 * 10**9
# Rows per INSERT. Few, with a pause after each, keep the host's latency low: 0.1 ms of Python
# between two. Many keep up with a CPU-bound host, which gives the GIL back only after 5 ms.
_PIECE, _LARGE_PIECE, _MANY = 16, 256, 512
# Events of an older version's process that are added to sessions with a batch.
_MANY_BEHIND = 2048
_TWO_TO_63, _TWO_TO_64 = 1 << 63, 1 << 64

#: ``(signal, outcome, reason)``; outcome is received, stored, sampled_out or dropped.
LedgerEntry = tuple[str, str, str]

_Row = tuple[object, ...]


class Refused(NamedTuple):
    """Positions in a batch of the records and points that are invalid."""

    records: list[int]
    points: list[int]
    duplicates: list[int]
    """Of the records that are stored already."""

    def __len__(self) -> int:
        return len(self.records) + len(self.points)


class BatchWriter:
    """Writes batches through one connection, which it owns.

    Args:
        connection: to write through.
        once: skip records that are stored already; for records that may be sent again.
    """

    def __init__(self, connection: apsw.Connection, *, once: bool = False) -> None:
        self.connection = self._connection = connection
        self._once = once
        self._dimensions, self._deletions = Dimensions(), list[tuple[int]]()

    def close(self, *, checkpoint: bool = True) -> None:
        """Close the connection.

        Args:
            checkpoint: let SQLite checkpoint the WAL first, if nobody else has it open.
        """
        if not checkpoint:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()

    def write(
        self,
        records: Sequence[Record],
        points: Sequence[MetricPoint],
        ledger: Counter[LedgerEntry],
        shares: Sequence[Share] = (),
        presences: Sequence[Presence] = (),
        *,
        pieces: Sequence[ImportedPiece] = (),
    ) -> Refused:
        """Store a batch in one transaction.

        Args:
            records: events; may be empty.
            points: metric points; may be empty.
            ledger: other counts since the last batch, by signal, outcome and reason. What this
                batch stores and refuses is added to the ledger table, not to this argument.
            shares: the requests it came in, if they may be sent again; duplicates are noted there.
            presences: of what was sampled out.
            pieces: of imported files, that end with this batch.

        Returns:
            Which of ``records`` and ``points`` were refused as invalid.

        Raises:
            apsw.Error: a trouble of the store (locked, full, corrupt …): nothing was written, and
                the batch can be tried again.
        """
        connection = self._connection
        if self._once and not shares:
            shares = [(Delivery(), len(records), len(points))]
        connection.execute("BEGIN IMMEDIATE")
        try:
            entries = Counter(ledger)
            known = KnownEvents(connection, records, shares) if shares and records else None
            known_points = KnownPoints(connection, points, shares) if shares and points else None
            refused = Refused(
                self._write_events(records, entries, known, presences),
                self._write_metrics(points, entries, known_points),
                known.duplicates if known is not None else [],
            )
            add_pieces(connection, pieces)
            self._write_ledger(entries)
            connection.execute("COMMIT")
        except BaseException:
            self._dimensions.rollback()
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            raise
        self._dimensions.commit()
        for one in (known, known_points):
            if one is not None:
                one.committed()
        return refused

    def accepts(self, records: Sequence[Record], points: Sequence[MetricPoint]) -> bool:
        """Whether a batch of these could be written; tried and rolled back.

        Raises:
            apsw.Error: a trouble of the store.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._write_events(records, Counter())
            self._write_metrics(points, Counter())
        except Exception as error:
            if trouble_of(error) is not None:
                raise
            return False
        finally:
            self._dimensions.rollback()
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
        return True

    def _write_events(
        self,
        records: Sequence[Record],
        entries: Counter[LedgerEntry],
        known: KnownEvents | None = None,
        presences: Sequence[Presence] = (),
    ) -> list[int]:
        """Insert the valid ones; counts all in ``entries`` and returns positions of the others."""
        refused: list[int] = []
        if not records and not presences:
            return refused
        connection = self._connection
        *deletions, (cut_key,), (first_key,) = connection.execute(_KEYS)
        if deletions != self._deletions:  # of keys that may be known here: see orphans.py
            self._deletions, self._dimensions = deletions, Dimensions()
        if cut_key < first_key:
            cut_key = self._catch_up(cut_key, first_key)
        next_key = first_key
        totals = BatchTotals()
        # Be gentle to a host that records itself; a receiver should be fast.
        is_gentle = len(records) <= _MANY and known is None
        piece = _PIECE if is_gentle else _LARGE_PIECE
        for start in range(0, len(records), piece):
            received: list[_Row] = []
            rows = self._rows(
                records, range(start, start + piece), next_key, totals, refused, known, received
            )
            _EVENTS.run(connection, rows, pause=is_gentle)
            if received:
                _RECEIVED.run(connection, received)
            next_key += len(rows)
        self._add_presences(presences, totals, entries)
        totals.write(connection, pause=is_gentle, sessions=cut_key == first_key)
        if cut_key == first_key:
            connection.execute(_SET_KEYS, (next_key,))
        else:
            connection.execute(_SET_NEXT_KEY, (next_key,))
            connection.execute(_SET_CUT_KEY, (cut_key,))
        stored = next_key - first_key
        entries["event", "stored", ""] += stored
        entries["event", "dropped", "invalid"] += len(refused)
        entries["event", "dropped", "duplicate"] += len(records) - stored - len(refused)
        return refused

    def _add_presences(
        self, presences: Sequence[Presence], totals: BatchTotals, entries: Counter[LedgerEntry]
    ) -> None:
        for each in presences:
            try:
                check_presence(each)
                keys = self._dimensions.find_presence(self._connection, each)
            except Exception as error:
                if trouble_of(error) is not None:
                    raise
                entries["presence", "dropped", "invalid"] += 1
                continue
            totals.group(keys, each.first_unix_nano).be_present(each)

    def _catch_up(self, cut_key: int, first_key: int) -> int:
        """Add what a process of an older version has stored to what that doesn't know of.

        Returns:
            The first key that isn't in the sessions yet; ``first_key`` if all are.
        """
        to_key = min(first_key, cut_key + _MANY_BEHIND)
        catch_up(self._connection, cut_key, to_key)
        self._connection.execute(_FIRST_ACTIVE, (cut_key, to_key))
        return to_key

    def _rows(  # noqa: PLR0917 - the loop of the method above
        self,
        records: Sequence[Record],
        span: range,
        first_key: int,
        totals: BatchTotals,
        refused: list[int],
        known: KnownEvents | None,
        received: list[_Row],
    ) -> list[_Row]:
        """The rows of those of ``records`` in ``span`` that are stored, counted in ``totals``.

        Key and identity of those that have one are added to ``received``.
        """
        connection, dimensions = self._connection, self._dimensions
        rows: list[_Row] = []
        key = first_key
        for number, record in zip(span, records[span.start : span.stop], strict=False):
            # Each step that looks at the record comes before anything is counted for it, so that
            # a refused record leaves no trace in roll-ups or sessions.
            try:
                data = check_record(record)
                shape_key = values = None
                if data is not None:
                    shape_key, values = dimensions.shape(connection, data[0]), data[1]
                keys = dimensions.find(connection, record)
            except Exception as error:
                if trouble_of(error) is not None:
                    raise
                refused.append(number)
                continue
            (
                time_ns,
                duration_ns,
                _,
                _,
                _,
                _,
                trace_id,
                span_id,
                parent_span_id,
                weight,
                message,
                _,
                measures,
                identity,
            ) = record
            row = (
                key, time_ns, duration_ns, keys[1][0], keys[2], keys[3], keys[4],
                trace_id.to_bytes(16, "big") if trace_id else None,
                _signed(span_id), _signed(parent_span_id),
                None if weight == 1 else weight, message or None, shape_key, values,
            )  # fmt: skip
            if known is not None and not known.add(number, record, row):
                continue
            rows.append(row)
            if identity is not None:
                received.append((key, identity))
            group = totals.group(keys, time_ns)
            group.add(key, time_ns, duration_ns, weight)
            if measures:
                for name, value in measures:
                    group.measure(name, value, weight)
            key += 1
        return rows

    def _write_metrics(
        self,
        points: Sequence[MetricPoint],
        entries: Counter[LedgerEntry],
        known: KnownPoints | None = None,
    ) -> list[int]:
        refused: list[int] = []
        for position, point in enumerate(points):
            try:
                check_point(point)
                if known is not None and not known.add(position, point):
                    continue
                self._connection.execute(_METRIC, point)
            except Exception as error:
                if trouble_of(error) is not None:
                    raise
                refused.append(position)
        duplicates = len(known.duplicates) if known is not None else 0
        entries["metric", "stored", ""] += len(points) - len(refused) - duplicates
        entries["metric", "dropped", "invalid"] += len(refused)
        entries["metric", "dropped", "duplicate"] += duplicates
        return refused

    def _write_ledger(self, entries: Counter[LedgerEntry]) -> None:
        day = time.time_ns() // _NS_A_DAY
        rows = [(day, *entry, count) for entry, count in entries.items() if count]
        self._connection.executemany(_LEDGER, rows)


def _signed(identifier: int) -> int | None:
    """A 64-bit id as SQLite stores it, in two's complement; ``None`` for the invalid id 0."""
    if not identifier:
        return None
    return identifier - _TWO_TO_64 if identifier >= _TWO_TO_63 else identifier


_EVENTS = Insert("events", 14)
_RECEIVED = Insert("received_events", 2)
_KEYS = """
SELECT value FROM store WHERE key IN ('keys_deleted', 'next_cut_key', 'next_event_key') ORDER BY key
"""
_SET_KEYS = "UPDATE store SET value = ? WHERE key IN ('next_cut_key', 'next_event_key')"
_SET_NEXT_KEY = "UPDATE store SET value = ? WHERE key = 'next_event_key'"
_SET_CUT_KEY = "UPDATE store SET value = ? WHERE key = 'next_cut_key'"
_FIRST_ACTIVE = """
UPDATE users SET first_active = min(coalesce(first_active, e.first_time), e.first_time)
FROM (
    SELECT e.user_key, min(e.time) AS first_time
    FROM events e JOIN series s ON s.series_key = e.series_key
    WHERE e.event_key >= ? AND e.event_key < ? AND s.is_active = 1 AND e.user_key IS NOT NULL
    GROUP BY e.user_key
) AS e
WHERE e.user_key = users.user_key
"""
_METRIC = """
INSERT INTO telemetry_metrics (
    timestamp, start_timestamp, metric_name, unit, kind, service, user_tier, value,
    count, sum, min, max, buckets, attributes, identity
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?, ?)
"""
_LEDGER = """
INSERT INTO ledger VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET records = records + excluded.records
"""
