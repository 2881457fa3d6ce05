"""Deduplication: finds records of a batch that are stored already, so that retries are stored once.

A sender that got no response sends again, maybe in another batch. Its record has the same time, and
times are indexed already: one ``time IN (…)`` per few hundred records finds the candidates. So no
further index is needed, which would cost every row of every process (a random trace id: 4 to 11 µs
and 30 bytes); this costs only the receiver about 1 µs per record. Only metric points, which are
indexed by name and time, get an index by time for those that were received.

Two records are the same if their ``identity`` is: a hash of what was sent, made before redaction,
so that records that look the same in the store can still be distinguished. And *how many* there are
counts: of n equal records, a request stores n minus those that *earlier* requests have stored. Ten
equal log lines of one millisecond are ten, and sent again they are none. Only a span, and an event
with a ``log.record.uid``, has an id of its own: it is stored once, however often it is sent.

Rows recorded in process, and rows from before there were identities (schema 1), have none. They are
compared by their columns, and each matches one record that is sent again:

* A span by time, trace id and span id.
* An event by time and ``log.record.uid``; without a uid, by the whole row.
* A metric point by the whole row.

Weights aren't compared: the sampling rate may have changed in between.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from cortex_otel_exporters.vocabulary import LOG_RECORD_UID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import apsw

    from cortex_otel_exporters.record import MetricPoint, Record

__all__ = ["Delivery", "KnownEvents", "KnownPoints", "Share"]

_EVENT: Final = "event"
_SIZES: Final = (256, 32, 1)  # few, so that SQLite compiles each only once
_TWO_TO_63: Final = 1 << 63  # later times are refused
_TIME, _TRACE, _SPAN, _WEIGHT = 1, 7, 8, 10  # positions in a row of `events`

#: The hash of what was sent, or the row if it has none.
_Identity = int | tuple[object, ...] | None
_Row = tuple[object, ...]


class _Settled:
    """What the committed parts of a request have stored and found, in one table."""

    __slots__ = ("keys", "matched")

    def __init__(self) -> None:
        self.keys: list[range] = []
        """Keys of its rows, as ranges: other processes store rows between its transactions."""
        self.matched: Counter[_Identity] = Counter()
        """Records that matched one that an earlier request had stored."""


class Delivery:
    """A request that is being stored, in one or several transactions."""

    __slots__ = ("duplicates", "events", "points")

    def __init__(self) -> None:
        self.duplicates = 0
        """How many of its records were stored already, in the committed transactions."""
        self.events, self.points = _Settled(), _Settled()


#: A request, and how many events and points of a batch it has; in the order of the batch.
Share = tuple[Delivery, int, int]


class _Known:
    """Counts of stored records by identity: of earlier requests, and of the current one.

    Args:
        shares: each request of the batch, its committed part, and how many records it has here.
        rows: key and identity of the candidate rows.
    """

    def __init__(
        self,
        shares: Iterable[tuple[Delivery, _Settled, int]],
        rows: Iterable[tuple[int, _Identity]],
    ) -> None:
        self._shares = iter(shares)
        self._end = 0
        self._done: list[tuple[Delivery, _Settled, _Settled, int]] = []
        self._earlier: Counter[_Identity] = Counter()
        self._stored: Counter[_Identity] = Counter()
        self._delivery: Delivery | None = None
        self._next()
        own = self._now.keys
        for key, identity in rows:
            is_own = any(key in keys for keys in own)
            (self._stored if is_own else self._earlier)[identity] += 1
        self.duplicates: list[int] = []
        """Positions of records that are stored already."""

    def _next(self) -> None:
        """Continue with the next request: those before it are earlier ones now."""
        delivery, settled, count = next(self._shares)
        self._end += count
        if delivery is self._delivery:
            return
        self._end_of_share()
        self._earlier.update(self._stored)
        self._stored.clear()
        self._now = _Settled()
        self._now.keys = [*settled.keys]
        self._keys: range | None = None
        self._now.matched = Counter(settled.matched)
        self._duplicates = 0
        self._delivery, self._settled = delivery, settled

    def _is_new(
        self, position: int, key: int, identities: Sequence[_Identity], *, is_unique: bool
    ) -> bool:
        """Whether the record at ``position`` of the batch is to be stored, under ``key``."""
        while position >= self._end:
            self._next()
        for identity in identities:
            stored = self._earlier.get(identity, 0)
            if is_unique:
                is_known = stored or identity in self._stored
            else:
                is_known = stored and stored > self._now.matched[identity]
                if is_known:
                    self._now.matched[identity] += 1
            if is_known:
                self._duplicates += 1
                self.duplicates.append(position)
                return False
        self._stored[identities[0]] += 1
        # Within a transaction no other process stores anything.
        self._keys = range(key if self._keys is None else self._keys.start, key + 1)
        return True

    def _end_of_share(self) -> None:
        if self._delivery is not None:
            if self._keys is not None:
                _append(self._now.keys, self._keys)
            self._done.append((self._delivery, self._settled, self._now, self._duplicates))

    def committed(self) -> None:
        """The transaction is committed: update the requests."""
        self._end_of_share()
        for delivery, settled, now, duplicates in self._done:
            delivery.duplicates += duplicates
            settled.keys, settled.matched = now.keys, now.matched


def _append(ranges: list[range], more: range) -> None:
    if ranges and ranges[-1].stop == more.start:
        ranges[-1] = range(ranges[-1].start, more.stop)
    else:
        ranges.append(more)


class KnownEvents(_Known):
    """The stored events with the times of a batch, and those that the batch has added."""

    def __init__(
        self, connection: apsw.Connection, records: Sequence[Record], shares: Iterable[Share]
    ) -> None:
        times = {record.time_unix_nano for record in records}
        rows: list[tuple[int, _Identity]] = list(_rows(connection, _EVENTS, times))
        self._has_rows = any(identity is None for _, identity in rows)
        if self._has_rows:
            rows = [one for one in rows if one[1] is not None]
            for kind, keys, *row in _rows(connection, _EVENT_ROWS, times):
                uid = _uid_of(keys, row[-1]) if kind == _EVENT else None
                rows.append((row[0], _row_of_event(row, uid, is_event=kind == _EVENT)))
        super().__init__(((one, one.events, count) for one, count, _ in shares), rows)

    def add(self, position: int, record: Record, row: _Row) -> bool:
        """Note the ``row`` of ``record``; ``False`` if it is stored already."""
        is_event = record.series.kind == _EVENT
        uid = record.event_data.get(LOG_RECORD_UID) if is_event else None
        identities: Sequence[_Identity] = (record.identity,)
        if self._has_rows or record.identity is None:
            by_row = _row_of_event(row, uid, is_event=is_event)
            identities = (by_row,) if record.identity is None else (record.identity, by_row)
        is_unique = not is_event or uid is not None
        return self._is_new(position, row[0], identities, is_unique=is_unique)  # type: ignore[arg-type]


class KnownPoints(_Known):
    """The same for metric points."""

    def __init__(
        self, connection: apsw.Connection, points: Sequence[MetricPoint], shares: Iterable[Share]
    ) -> None:
        rows: list[tuple[int, _Identity]] = list(
            _rows(connection, _POINTS, {point.time_unix_nano for point in points})
        )
        times_by_name: dict[str, set[int]] = {}
        for point in points:
            times_by_name.setdefault(point.name, set()).add(point.time_unix_nano)
        by_row: list[tuple[int, _Identity]] = [
            (key, tuple(row))
            for name, times in times_by_name.items()
            for key, *row in _rows(connection, _POINT_ROWS, times, name)
        ]
        self._has_rows = bool(by_row)
        row = connection.execute("SELECT max(id) FROM telemetry_metrics").fetchone()
        self._next_key = (row[0] if row and row[0] else 0) + 1
        super().__init__(((one, one.points, count) for one, _, count in shares), rows + by_row)

    def add(self, position: int, point: MetricPoint) -> bool:
        """Note ``point``; ``False`` if it is stored already."""
        identities: Sequence[_Identity] = (point.identity,)
        if self._has_rows or point.identity is None:
            by_row = point[:-1]
            identities = (by_row,) if point.identity is None else (point.identity, by_row)
        is_new = self._is_new(position, self._next_key, identities, is_unique=False)
        self._next_key += is_new
        return is_new


def _rows(
    connection: apsw.Connection, statements: dict[int, str], times: set[int], *first: object
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query for many times, a few hundred per statement."""
    every = [time for time in times if type(time) is int and 0 < time < _TWO_TO_63]
    done = 0
    for size in _SIZES:
        while len(every) - done >= size:
            yield from connection.execute(statements[size], (*first, *every[done : done + size]))
            done += size


def _row_of_event(row: Sequence[object], uid: object, *, is_event: bool) -> _Identity:
    if not is_event:
        return row[_TIME], row[_TRACE], row[_SPAN]
    if uid is not None:
        return row[_TIME], uid
    return *row[_TIME:_WEIGHT], *row[_WEIGHT + 1 :]


def _uid_of(keys: str | None, values: object) -> object:
    if keys is None or not isinstance(values, str) or LOG_RECORD_UID not in keys:
        return None
    data = dict(zip(json.loads(keys), json.loads(values), strict=False))
    return data.get(LOG_RECORD_UID)


def _sized(statement: str) -> dict[int, str]:
    return {size: statement.replace("(?)", f"({','.join('?' * size)})") for size in _SIZES}


_EVENTS: Final = _sized("""
SELECT event_key, r.identity FROM events LEFT JOIN received_events r USING (event_key)
WHERE time IN (?)
""")
_EVENT_ROWS: Final = _sized("""
SELECT s.kind, h.keys, e.event_key, e.time, e.duration, e.series_key, e.context_key,
    e.session_key, e.user_key, e.trace_id, e.span_id, e.parent_span_id, e.weight,
    e.error_message, e.shape_key, e.event_values
FROM events e
JOIN series s USING (series_key)
LEFT JOIN shapes h USING (shape_key)
WHERE e.time IN (?)
    AND NOT EXISTS (SELECT 1 FROM received_events r WHERE r.event_key = e.event_key)
""")
_POINTS: Final = _sized("""
SELECT id, identity FROM telemetry_metrics WHERE timestamp IN (?) AND identity IS NOT NULL
""")
_POINT_ROWS: Final = _sized("""
SELECT id, timestamp, start_timestamp, metric_name, unit, kind, service, user_tier, value, count,
    sum, min, max, coalesce(buckets, ''), attributes
FROM telemetry_metrics WHERE metric_name = ? AND timestamp IN (?) AND identity IS NULL
""")
