"""One transaction: the events of a batch, their sessions, roll-ups, metrics and ledger.

All or nothing: what the views show and what the ledger counts can't disagree. A record that
breaks a rule is set aside and counted; its neighbours are stored.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import apsw

from cortex_otel_exporters.record import SPAN_EVENT_TYPE
from cortex_otel_exporters.sqlite.checks import check_point, check_record, check_texts
from cortex_otel_exporters.sqlite.files import trouble_of
from cortex_otel_exporters.sqlite.inserts import Insert
from cortex_otel_exporters.sqlite.keys import Keys
from cortex_otel_exporters.sqlite.rollups import FAILED_RESULTS, Rollups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cortex_otel_exporters.record import MetricPoint, Record, Session

__all__ = ["BatchWriter", "LedgerEntry"]

_NS_A_DAY = 86_400 * 10**9
# Rows an INSERT. Few, and a pause after each, keep the host's latency: 0.1 ms of Python between two
# of them. Many keep up with a host that computes, from which the GIL comes back only after 5 ms.
_PIECE, _LARGE_PIECE, _MANY = 16, 256, 512
_TWO_TO_63, _TWO_TO_64 = 1 << 63, 1 << 64

#: ``(signal, outcome, reason)``; outcome is received, stored, sampled_out or dropped.
LedgerEntry = tuple[str, str, str]

_Row = tuple[object, ...]


class BatchWriter:
    """Writes batches through one connection, which it owns."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._keys = Keys()
        self._session_keys: dict[str, int] = {}

    def close(self, *, checkpoint: bool = True) -> None:
        """Close the connection.

        Args:
            checkpoint: let SQLite move the WAL into the file first, if nobody else has it open.
        """
        if not checkpoint:
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._connection.close()

    def write(
        self,
        records: Sequence[Record],
        points: Sequence[MetricPoint],
        ledger: Counter[LedgerEntry],
    ) -> int:
        """Store a batch in one transaction.

        Args:
            records: events; may be empty.
            points: metric points; may be empty.
            ledger: what else happened since the last batch, by signal, outcome and reason. What
                this batch stores and refuses is added to the ledger table, not to this argument.

        Returns:
            How many of ``records`` and ``points`` were refused for what they are.

        Raises:
            apsw.Error: the store's trouble (locked, full, corrupt …): nothing was written and
                the batch may be tried again.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            stored, refused = self._write_events(records)
            stored_points, refused_points = self._write_metrics(points)
            entries = Counter(ledger)
            entries["event", "stored", ""] += stored
            entries["metric", "stored", ""] += stored_points
            entries["event", "dropped", "invalid"] += refused
            entries["metric", "dropped", "invalid"] += refused_points
            self._write_ledger(entries)
            connection.execute("COMMIT")
        except BaseException:
            self._keys.rollback()
            self._session_keys.clear()
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
            raise
        self._keys.commit()
        return refused + refused_points

    def accepts(self, records: Sequence[Record], points: Sequence[MetricPoint]) -> bool:
        """Whether a batch of these could be written; tried and rolled back.

        Raises:
            apsw.Error: the store's trouble.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._write_events(records)
            self._write_metrics(points)
        except Exception as error:
            if trouble_of(error) is not None:
                raise
            return False
        finally:
            self._keys.rollback()
            self._session_keys.clear()
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
        return True

    def _write_events(self, records: Sequence[Record]) -> tuple[int, int]:
        if not records:
            return 0, 0
        connection = self._connection
        first_key = _integer(connection, "SELECT value FROM store WHERE key = 'next_event_key'")
        next_key = first_key
        totals = _BatchTotals()
        gently = len(records) <= _MANY
        piece = _PIECE if gently else _LARGE_PIECE
        for start in range(0, len(records), piece):
            rows = self._rows(records[start : start + piece], next_key, totals)
            _EVENTS.run(connection, rows, pause=gently)
            next_key += len(rows)
        totals.write(connection, pause=gently)
        connection.execute("UPDATE store SET value = ? WHERE key = 'next_event_key'", (next_key,))
        stored = next_key - first_key
        return stored, len(records) - stored

    def _rows(self, records: Sequence[Record], first_key: int, totals: _BatchTotals) -> list[_Row]:
        """The rows of those records that can be stored, counted in ``totals``."""
        rows: list[_Row] = []
        for record in records:
            # Each step that looks at the record comes before anything is counted for it, so that
            # a refused record leaves no trace in roll-ups or sessions.
            try:
                data = check_record(record)
                if record.session.session_id not in self._session_keys:
                    check_texts(record.session)
                keys = self._keys.series.find(self._connection, record.series)
                context_key = self._keys.context(self._connection, record.context)
                user_key = self._user_key(record)
                row = self._row(record, keys[0], context_key, user_key, data)
                totals.rollups.add(record, keys, user_key)
            except Exception as error:
                if trouble_of(error) is not None:
                    raise
                continue
            rows.append((first_key + len(rows), *row))
            totals.add(record, keys[2], user_key)
        return rows

    def _user_key(self, record: Record) -> int | None:
        if not record.user_id_hash:
            return None
        return self._keys.user(self._connection, record.user_id_hash, record.time_unix_nano)

    def _row(
        self,
        record: Record,
        series_key: int,
        context_key: int,
        user_key: int | None,
        data: tuple[str, str] | None,
    ) -> _Row:
        return (
            record.time_unix_nano,
            record.duration_nano,
            series_key,
            context_key,
            self._session_key(record, user_key),
            user_key,
            record.trace_id.to_bytes(16, "big") if record.trace_id else None,
            _signed(record.span_id),
            _signed(record.parent_span_id),
            None if record.weight == 1 else record.weight,
            record.error_message or None,
            self._keys.shape(self._connection, data[0]) if data is not None else None,
            data[1] if data is not None else None,
        )

    def _session_key(self, record: Record, user_key: int | None) -> int:
        session = record.session
        found = self._session_keys.get(session.session_id)
        if found is not None:
            return found
        connection = self._connection
        segment = self._keys.series.segments.find(
            connection, (record.series.service, record.series.user_tier)
        )
        connection.execute(
            _SESSION,
            (session.session_id, user_key, segment, record.time_unix_nano, record.time_unix_nano,
             self._keys.platform(connection, session),
             None if session.instance_id == session.session_id else session.instance_id),
        )  # fmt: skip
        key = _integer(
            connection, "SELECT session_key FROM sessions WHERE session_id = ?", session.session_id
        )
        if len(self._session_keys) > 4096:  # noqa: PLR2004 - a receiver sees many sessions
            self._session_keys.clear()
        self._session_keys[session.session_id] = key
        return key

    def _write_metrics(self, points: Sequence[MetricPoint]) -> tuple[int, int]:
        stored = 0
        for point in points:
            try:
                check_point(point)
                self._connection.execute(_METRIC, point)
                stored += 1
            except Exception as error:
                if trouble_of(error) is not None:
                    raise
        return stored, len(points) - stored

    def _write_ledger(self, entries: Counter[LedgerEntry]) -> None:
        day = time.time_ns() // _NS_A_DAY
        rows = [(day, *entry, count) for entry, count in entries.items() if count]
        self._connection.executemany(_LEDGER, rows)


class _BatchTotals:
    """What a batch adds to everything but the events themselves."""

    def __init__(self) -> None:
        self.rollups = Rollups()
        self._sessions: dict[str, _SessionTotals] = {}
        self._first_seen: dict[int, int] = {}

    def add(self, record: Record, segment_key: int, user_key: int | None) -> None:
        """Count a record that is stored."""
        session_id = record.session.session_id
        totals = self._sessions.get(session_id)
        if totals is None:
            totals = self._sessions[session_id] = _SessionTotals(record)
        totals.add(record, segment_key, user_key)
        if user_key is not None:
            time_ns = record.time_unix_nano
            if self._first_seen.get(user_key, time_ns) >= time_ns:
                self._first_seen[user_key] = time_ns

    def write(self, connection: apsw.Connection, *, pause: bool) -> None:
        """Add it all up in the database; with a ``pause`` between tables."""
        for totals in self._sessions.values():
            connection.execute(_SESSION_TOTALS, (*totals.row(), totals.session.session_id))
        # Events arrive in any order, so the one that made the key need not be the user's first.
        first_seen = [(at, user, at) for user, at in self._first_seen.items()]
        connection.executemany(_FIRST_SEEN, first_seen)
        self.rollups.write(connection, pause=pause)


class _SessionTotals:
    """What a batch adds to one session row; tier and user are those of its last record."""

    def __init__(self, record: Record) -> None:
        self.session: Session = record.session
        self._segment_key = 0
        self._user_key: int | None = None
        self._start = self._end = record.time_unix_nano
        self._events = self._errors = 0

    def add(self, record: Record, segment_key: int, user_key: int | None) -> None:
        self._segment_key = segment_key
        self._user_key = user_key or self._user_key
        self._start = min(self._start, record.time_unix_nano)
        self._end = max(self._end, record.time_unix_nano + (record.duration_nano or 0))
        # Counts of a session are of product events, weighted like every count, in whole events.
        if record.series.event_type != SPAN_EVENT_TYPE:
            self._events += round(record.weight)
            if record.series.result in FAILED_RESULTS:
                self._errors += round(record.weight)

    def row(self) -> tuple[object, ...]:
        return (
            self._start, self._end, self._events, self._errors, self._segment_key, self._user_key,
        )  # fmt: skip


def _integer(connection: apsw.Connection, query: str, *parameters: str) -> int:
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise apsw.CorruptError("a row the schema promises is missing")
    return int(row[0])


def _signed(identifier: int) -> int | None:
    """A 64-bit id as SQLite keeps it: two's complement; ``None`` for the invalid id 0."""
    if not identifier:
        return None
    return identifier - _TWO_TO_64 if identifier >= _TWO_TO_63 else identifier


_EVENTS = Insert("events", 14)
_SESSION = """
INSERT OR IGNORE INTO sessions (
    session_id, user_key, segment_key, start_time, end_time, events, errors,
    platform_key, instance_id
) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?)
"""
_SESSION_TOTALS = """
UPDATE sessions SET start_time = min(start_time, ?), end_time = max(end_time, ?),
    events = events + ?, errors = errors + ?, segment_key = ?, user_key = coalesce(?, user_key)
WHERE session_id = ?
"""
_FIRST_SEEN = "UPDATE users SET first_seen = ? WHERE user_key = ? AND first_seen > ?"
_METRIC = """
INSERT INTO telemetry_metrics (
    timestamp, start_timestamp, metric_name, unit, kind, service, user_tier, value,
    count, sum, min, max, buckets, attributes
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?)
"""
_LEDGER = """
INSERT INTO ledger VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET records = records + excluded.records
"""
