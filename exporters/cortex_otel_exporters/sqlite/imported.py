"""What was imported from files: pieces of lines that are known again, and who recorded it before.

A piece is some hundred lines in a row. Its keyed hash is kept, 40 bytes or so a piece, in the
transaction that stores its events: so a piece is imported once, also from a copy of its file, and
also when retention has deleted the events.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from cortex_otel_exporters.record import Record

__all__ = [
    "ImportedPiece",
    "add_pieces",
    "imported_in",
    "likeness",
    "next_key",
    "pieces_from",
    "recorded",
]


class ImportedPiece(NamedTuple):
    """Lines that stand in a row."""

    first: bytes
    """Keyed hash of the first one."""
    lines: int
    digest: bytes
    """Keyed hash of all of them."""
    records: int
    """Spans, events and metric points in them, those that were stored already included."""
    refused: tuple[int, ...]
    """Places of the lines that weren't taken, from 0 on: they are tried again."""


def pieces_from(connection: apsw.Connection, first: bytes) -> list[ImportedPiece]:
    """The known pieces that begin with a line, the longest first."""
    return [
        ImportedPiece(first, lines, digest, records, tuple(json.loads(refused)))
        for lines, digest, records, refused in connection.execute(_PIECES, (first,))
    ]


def add_pieces(connection: apsw.Connection, pieces: Iterable[ImportedPiece]) -> None:
    """Note pieces; the caller's transaction is open."""
    connection.executemany(
        _ADD, [(*piece[:4], json.dumps(piece.refused, separators=(",", ":"))) for piece in pieces]
    )


def recorded(
    connection: apsw.Connection, wanted: Sequence[tuple[Record, int]], before: int
) -> Counter[tuple[Any, ...]]:
    """How many events like these are stored, whichever way they came.

    Args:
        connection: to read through.
        wanted: records, and how exactly the time of each is known, in nanoseconds.
        before: only events with smaller keys: those that were there before.

    Returns:
        Numbers by :func:`likeness`.
    """
    spans = sorted({(one.time_unix_nano, size) for one, size in wanted})
    found: Counter[tuple[Any, ...]] = Counter()
    rows = connection.execute(_RECORDED, (json.dumps(spans), before))
    for at, *like in rows:
        found[at, *like] += 1
    return found


def next_key(connection: apsw.Connection) -> int:
    """The key that the next event gets."""
    row = connection.execute("SELECT value FROM store WHERE key = 'next_event_key'").fetchone()
    return int(row[0]) if row is not None else 0


def imported_in(
    connection: apsw.Connection, events: Iterable[range], points: Iterable[range]
) -> list[tuple[str, int, int, int]]:
    """What stands at these keys: event type (``metric`` for points), how many, first, last time."""
    found: list[tuple[str, int, int, int]] = []
    for sql, ranges in ((_EVENTS_IN, events), (_POINTS_IN, points)):
        for keys in ranges:
            found += connection.execute(sql, (keys.start, keys.stop))
    return found


def likeness(record: Record) -> tuple[Any, ...]:
    """What two tellings of one event have in common, beside their time as far as it is known."""
    series = record.series
    return (
        record.time_unix_nano, series.service, series.event_type, series.feature, series.result,
        series.user_tier, record.user_id_hash,
    )  # fmt: skip


_PIECES: Final = """
SELECT lines, digest, records, refused FROM imported_pieces WHERE first = ? ORDER BY lines DESC
"""
_ADD: Final = "INSERT OR REPLACE INTO imported_pieces VALUES (?, ?, ?, ?, ?)"
_EVENTS_IN: Final = """
SELECT s.event_type, count(*), min(e.time), max(e.time)
FROM events e JOIN series s USING (series_key)
WHERE e.event_key >= ? AND e.event_key < ? GROUP BY s.event_type
"""
_POINTS_IN: Final = """
SELECT 'metric', count(*), min(timestamp), max(timestamp) FROM telemetry_metrics
WHERE id >= ? AND id < ? HAVING count(*) > 0
"""
_RECORDED: Final = """
SELECT j.value ->> 0, s.service, s.event_type, s.feature, s.result, s.user_tier,
    coalesce(u.user_id_hash, '')
FROM json_each(?) j
CROSS JOIN events e ON e.time >= j.value ->> 0 AND e.time < (j.value ->> 0) + (j.value ->> 1)
JOIN series s USING (series_key)
LEFT JOIN users u ON u.user_key = e.user_key
WHERE e.event_key < ?
"""
