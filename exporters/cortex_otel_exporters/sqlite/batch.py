"""One transaction: the events of a batch, their sessions, roll-ups, metrics and ledger.

All or nothing: the views and the ledger can't disagree. An invalid record is left out and counted;
the others of its batch are stored.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import apsw

from cortex_otel_exporters.sqlite.checks import check_point, check_record
from cortex_otel_exporters.sqlite.dimensions import Dimensions
from cortex_otel_exporters.sqlite.duplicates import (
    Delivery,
    KnownEvents,
    KnownPoints,
)
from cortex_otel_exporters.sqlite.files import trouble_of
from cortex_otel_exporters.sqlite.inserts import Insert
from cortex_otel_exporters.sqlite.rollups import NS_A_HALF_HOUR, Group, Rollups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel_exporters.record import MetricPoint, Record
    from cortex_otel_exporters.sqlite.dimensions import DimensionKeys
    from cortex_otel_exporters.sqlite.duplicates import Share

__all__ = ["BatchWriter", "LedgerEntry", "Refused"]

_NS_A_DAY = 86_400 * 10**9
# Rows per INSERT. Few, with a pause after each, keep the host's latency low: 0.1 ms of Python
# between two. Many keep up with a CPU-bound host, which gives the GIL back only after 5 ms.
_PIECE, _LARGE_PIECE, _MANY = 16, 256, 512
_TWO_TO_63, _TWO_TO_64 = 1 << 63, 1 << 64

#: ``(signal, outcome, reason)``; outcome is received, stored, sampled_out or dropped.
LedgerEntry = tuple[str, str, str]

_Row = tuple[object, ...]


class Refused(NamedTuple):
    """Positions in a batch of the records and points that are invalid."""

    records: list[int]
    points: list[int]

    def __len__(self) -> int:
        return len(self.records) + len(self.points)


class BatchWriter:
    """Writes batches through one connection, which it owns.

    Args:
        connection: to write through.
        once: skip records that are stored already; for records that may be sent again.
    """

    def __init__(self, connection: apsw.Connection, *, once: bool = False) -> None:
        self._connection = connection
        self._once = once
        self._dimensions = Dimensions()

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
    ) -> Refused:
        """Store a batch in one transaction.

        Args:
            records: events; may be empty.
            points: metric points; may be empty.
            ledger: other counts since the last batch, by signal, outcome and reason. What this
                batch stores and refuses is added to the ledger table, not to this argument.
            shares: the requests it came in, if they may be sent again; duplicates are noted there.

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
                self._write_events(records, entries, known),
                self._write_metrics(points, entries, known_points),
            )
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
    ) -> list[int]:
        """Insert the valid ones; counts all in ``entries`` and returns positions of the others."""
        refused: list[int] = []
        if not records:
            return refused
        connection = self._connection
        first_key = _integer(connection, "SELECT value FROM store WHERE key = 'next_event_key'")
        next_key = first_key
        totals = _BatchTotals()
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
        totals.write(connection, pause=is_gentle)
        connection.execute("UPDATE store SET value = ? WHERE key = 'next_event_key'", (next_key,))
        stored = next_key - first_key
        entries["event", "stored", ""] += stored
        entries["event", "dropped", "invalid"] += len(refused)
        entries["event", "dropped", "duplicate"] += len(records) - stored - len(refused)
        return refused

    def _rows(  # noqa: PLR0917 - the loop of the method above
        self,
        records: Sequence[Record],
        span: range,
        first_key: int,
        totals: _BatchTotals,
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
        duplicates = known.duplicates if known is not None else 0
        entries["metric", "stored", ""] += len(points) - len(refused) - duplicates
        entries["metric", "dropped", "invalid"] += len(refused)
        entries["metric", "dropped", "duplicate"] += duplicates
        return refused

    def _write_ledger(self, entries: Counter[LedgerEntry]) -> None:
        day = time.time_ns() // _NS_A_DAY
        rows = [(day, *entry, count) for entry, count in entries.items() if count]
        self._connection.executemany(_LEDGER, rows)


class _BatchTotals:
    """What a batch adds to roll-ups, sessions and users."""

    def __init__(self) -> None:
        self._groups: dict[int, tuple[DimensionKeys, int, Group]] = {}

    def group(self, keys: DimensionKeys, time_ns: int) -> Group:
        """The group of an event with ``keys`` at ``time_ns``."""
        half_hour = time_ns // NS_A_HALF_HOUR
        entry = self._groups.get(keys[0] << 32 | half_hour)  # half hours of 63 bits of ns: 23 bits
        if entry is None:
            entry = self._groups[keys[0] << 32 | half_hour] = keys, half_hour, Group(time_ns)
        return entry[2]

    def write(self, connection: apsw.Connection, *, pause: bool) -> None:
        """Add everything up in the database; with a ``pause`` between tables."""
        rollups = Rollups()
        sessions: dict[int, _SessionTotals] = {}
        first_seen: dict[int, tuple[int, int | None]] = {}
        for keys, half_hour, group in self._groups.values():
            rollups.add(keys, half_hour, group)
            session = sessions.get(keys.session_key)
            if session is None:
                session = sessions[keys.session_key] = _SessionTotals(group)
            session.add(keys, group)
            if keys.user_key is not None:
                seen, active = first_seen.get(keys.user_key, (group.first, None))
                if keys.is_active:
                    active = group.first if active is None else min(active, group.first)
                first_seen[keys.user_key] = min(seen, group.first), active
        for session_key, totals in sessions.items():
            connection.execute(_SESSION_TOTALS, (*totals.row(), session_key))
        # Events arrive in any order, so the one that created the key may not be the user's first.
        connection.executemany(_FIRST_SEEN, [(user, *at) for user, at in first_seen.items()])
        rollups.write(connection, pause=pause)


class _SessionTotals:
    """What a batch adds to one session row; tier and user are those of its last record."""

    def __init__(self, group: Group) -> None:
        self._segment_key = 0
        self._user_key: int | None = None
        self._last_order = self._last_with_user = -1
        self._start, self._end = group.first, group.end
        self._events = self._errors = 0.0

    def add(self, keys: DimensionKeys, group: Group) -> None:
        if group.order > self._last_order:
            self._last_order, self._segment_key = group.order, keys.keys[2]
        has_user = keys.user_key is not None and keys.has_session
        if has_user and group.order > self._last_with_user:
            self._last_with_user, self._user_key = group.order, keys.user_key
        self._start = min(self._start, group.first)
        self._end = max(self._end, group.end)
        # Counts of a session are of product events, weighted like every count: a sum of weights,
        # since rounding each would count a weight of 1.25 as 1. INTEGER columns keep the fraction.
        if keys.is_product:
            self._events += group.events
            if keys.is_failed:
                self._errors += group.events

    def row(self) -> tuple[object, ...]:
        return (
            self._start,
            self._end,
            self._events,
            self._errors,
            self._segment_key,
            self._user_key,
        )


def _integer(connection: apsw.Connection, query: str, *parameters: str) -> int:
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise apsw.CorruptError("a row the schema promises is missing")
    return int(row[0])


def _signed(identifier: int) -> int | None:
    """A 64-bit id as SQLite stores it, in two's complement; ``None`` for the invalid id 0."""
    if not identifier:
        return None
    return identifier - _TWO_TO_64 if identifier >= _TWO_TO_63 else identifier


_EVENTS = Insert("events", 14)
_RECEIVED = Insert("received_events", 2)
_SESSION_TOTALS = """
UPDATE sessions SET start_time = min(start_time, ?), end_time = max(end_time, ?),
    events = events + ?, errors = errors + ?, segment_key = ?, user_key = coalesce(?, user_key)
WHERE session_key = ?
"""
_FIRST_SEEN = """
UPDATE users SET first_seen = min(first_seen, ?2),
    first_active = coalesce(min(first_active, ?3), first_active, ?3)
WHERE user_key = ?1 AND (first_seen > ?2 OR coalesce(first_active > ?3, first_active IS NOT ?3))
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
