"""What is already stored of a batch, so that a record sent twice is stored once.

A sender that got no answer sends again, maybe in other company. Its record has the same time, and
times have an index already: one ``time IN (…)`` a few hundred records finds what could be the same.
No index of its own is needed, which would cost each row of every process (a random trace id: 4 to
11 µs and 30 bytes); this costs the receiver alone about 1 µs a record.

* A span is the same if time, trace id and span id are.
* An event is the same if time and ``log.record.uid`` are; without a uid, if the whole row is.
* A metric point is the same if the whole row is.

Of a weight nothing is asked: what sampling was set to may have changed in between.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from cortex_otel_exporters.record import MetricPoint, Record

__all__ = ["KnownEvents", "is_known_point"]

_UID: Final = "log.record.uid"
_EVENT: Final = "event"
_SIZES: Final = (256, 32, 1)  # few, so that SQLite compiles each once
_TIME, _TRACE, _SPAN, _WEIGHT = 1, 7, 8, 10  # places in a row of `events`

_Identity = tuple[object, ...]
_Row = tuple[object, ...]


class KnownEvents:
    """The events that are stored at the times of a batch, and those the batch has added."""

    def __init__(self, connection: apsw.Connection, records: Iterable[Record]) -> None:
        self._known: set[_Identity] = set()
        times = list({record.time_unix_nano for record in records})
        done = 0
        for size in _SIZES:
            while len(times) - done >= size:
                found = connection.execute(_STATEMENTS[size], times[done : done + size])
                for kind, keys, *row in found:
                    uid = _uid_of(keys, row[-1]) if kind == _EVENT else None
                    self._known.add(_identity(row, uid, is_event=kind == _EVENT))
                done += size

    def add(self, record: Record, row: _Row) -> bool:
        """Note the ``row`` of ``record``; ``False`` if it is there already."""
        is_event = record.series.kind == _EVENT
        uid = record.event_data.get(_UID) if is_event else None
        identity = _identity(row, uid, is_event=is_event)
        if identity in self._known:
            return False
        self._known.add(identity)
        return True


def _identity(row: Sequence[object], uid: object, *, is_event: bool) -> _Identity:
    if not is_event:
        return row[_TIME], row[_TRACE], row[_SPAN]
    if uid is not None:
        return row[_TIME], uid
    return *row[_TIME:_WEIGHT], *row[_WEIGHT + 1 :]


def _uid_of(keys: str | None, values: object) -> object:
    if keys is None or not isinstance(values, str) or _UID not in keys:
        return None
    data = dict(zip(json.loads(keys), json.loads(values), strict=False))
    return data.get(_UID)


def is_known_point(connection: apsw.Connection, point: MetricPoint) -> bool:
    """Whether the same point is stored; those of the transaction under way count."""
    return connection.execute(_POINT, point).fetchone() is not None


def _statement(size: int) -> str:
    return f"""
    SELECT s.kind, h.keys, e.event_key, e.time, e.duration, e.series_key, e.context_key,
        e.session_key, e.user_key, e.trace_id, e.span_id, e.parent_span_id, e.weight,
        e.error_message, e.shape_key, e.event_values
    FROM events e
    JOIN series s USING (series_key)
    LEFT JOIN shapes h USING (shape_key)
    WHERE e.time IN ({",".join("?" * size)})
    """  # noqa: S608 - question marks


_STATEMENTS: Final = {size: _statement(size) for size in _SIZES}
_POINT: Final = """
SELECT 1 FROM telemetry_metrics
WHERE timestamp = ? AND start_timestamp = ? AND metric_name = ? AND unit = ? AND kind = ?
    AND service = ? AND user_tier = ? AND value = ? AND count IS ? AND sum IS ? AND min IS ?
    AND max IS ? AND buckets IS nullif(?, '') AND attributes = ?
"""
