"""Sessions, cut by time: half an hour without an event ends one, and none takes more than a day.

What a client calls a session lasts as long as its process, which may be days. Its parts follow from
the half hours in which it had product events, and are read and written under the lock of the
transaction: so they are right in whichever order events arrive, and whoever else writes. An event
between two parts may make them one.

Within a half hour there is no gap that long, so its first event and its last end say all, also of
events that sampling left out. The day is counted in half hours, too: a part has 48 of them at most.
"""

from __future__ import annotations

import json
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cortex_otel_exporters.presence import HALF_HOUR_NS, MAX_SESSION_NS
from cortex_otel_exporters.sqlite.inserts import Insert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from cortex_otel_exporters.sqlite.dimensions import DimensionKeys
    from cortex_otel_exporters.sqlite.rollups import Group

__all__ = ["SessionTimes", "catch_up", "count_again", "cut", "recut", "upgrade"]

#: Without an event for longer than this, what follows is another session.
_IDLE_NS: Final = 30 * 60 * 10**9
_MAX_HALF_HOURS: Final = MAX_SESSION_NS // HALF_HOUR_NS
_CELLS_AT_ONCE: Final = 4096  # of a store of years, not all in memory
# So long is a part at least that another one continues.
_LONG_NS: Final = MAX_SESSION_NS - 2 * HALF_HOUR_NS


class _Cell(NamedTuple):
    """A half hour of a session, as the table has it."""

    session_key: int
    half_hour: int
    first_time: int
    end_time: int
    events: float
    errors: float
    last_time: int
    segment_key: int
    user_time: int | None
    user_key: int | None


class _Part(NamedTuple):
    session_key: int
    start_time: int
    end_time: int
    events: float
    errors: float
    segment_key: int
    user_key: int | None
    reach: int
    continues: int


def cut(cells: Iterable[_Cell]) -> list[_Part]:
    """The parts of one session; ``cells`` are in the order of time."""
    parts: list[_Part] = []
    of: list[_Cell] = []
    end = 0
    for cell in cells:
        is_idle = bool(of) and cell.first_time - end > _IDLE_NS
        is_long = bool(of) and cell.half_hour - of[0].half_hour >= _MAX_HALF_HOURS
        if is_idle or is_long:
            parts.append(_part(of, parts))
            of = []
        end = cell.end_time if not of else max(end, cell.end_time)
        of.append(cell)
    if of:
        parts.append(_part(of, parts))
    return parts


def _part(of: Sequence[_Cell], before: Sequence[_Part]) -> _Part:
    if len(of) == 1 and not before:  # as most are; a third of the time
        (one,) = of
        end = min(one.end_time, one.first_time + MAX_SESSION_NS)
        return _Part(
            one.session_key, one.first_time, end, one.events, one.errors, one.segment_key,
            one.user_key, one.end_time, 0,
        )  # fmt: skip
    start, reach = of[0].first_time, max(one.end_time for one in of)
    user = max(
        ((one.user_time, one.user_key) for one in of if one.user_time is not None), default=None
    )
    return _Part(
        of[0].session_key,
        start,
        min(reach, start + MAX_SESSION_NS),
        sum(one.events for one in of),
        sum(one.errors for one in of),
        max((one.last_time, one.segment_key) for one in of)[1],
        user[1] if user is not None else None,
        reach,
        int(bool(before) and start - before[-1].reach <= _IDLE_NS),
    )


class SessionTimes:
    """What a batch adds to sessions."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], _Cell] = {}

    def add(self, keys: DimensionKeys, half_hour: int, group: Group) -> None:
        """Add the product events of one set of dimensions in one half hour since 1970."""
        self.add_cell(
            _Cell(
                keys.session_key,
                half_hour,
                group.first,
                group.end,
                group.events,
                group.events if keys.is_failed else 0.0,
                group.last,
                keys.keys[2],
                group.last if keys.user_key is not None else None,
                keys.user_key,
            )
        )

    def add_cell(self, cell: _Cell) -> None:
        """Add what one half hour of a session had."""
        known = self._cells.get(cell[:2])
        self._cells[cell[:2]] = cell if known is None else _merged(known, cell)

    def write(self, connection: apsw.Connection) -> None:
        """Add everything up in the database; the caller's transaction is open."""
        if not self._cells:
            return
        _CELL.run(connection, [*self._cells.values()])
        spans = self._spans()
        found = _of_one_part(connection, spans)
        if found is None:
            spans, old = _affected(connection, spans)
            found = _cells_of(connection, spans), old
        cells, old = found
        new = [part for of in cells for part in cut(of)]
        gone = old - {part[:2] for part in new}
        if gone:
            connection.executemany(_DELETE, sorted(gone))
        _PART.run(connection, new)

    def _spans(self) -> list[_Span]:
        """From when to when each session was added to; apart where that is long apart."""
        spans: list[_Span] = []
        for cell in sorted(self._cells.values()):
            if spans and spans[-1][0] == cell.session_key:
                key, start, end = spans[-1]
                if cell.first_time - end <= _IDLE_NS:
                    spans[-1] = key, start, max(end, cell.end_time)
                    continue
            spans.append((cell.session_key, cell.first_time, cell.end_time))
        return spans


def count_again(connection: apsw.Connection, cells: Iterable[tuple[int, int]]) -> None:
    """Make half hours anew from their events, some of which were deleted.

    Args:
        connection: in a transaction.
        cells: keys of sessions, and half hours since 1970.
    """
    wanted = sorted(set(cells))
    for session_key, half_hour in wanted:
        connection.execute(
            "DELETE FROM session_half_hours WHERE session_key = ? AND half_hour = ?",
            (session_key, half_hour),
        )
        start = half_hour * HALF_HOUR_NS
        rows = connection.execute(_OF_CELL, (start, start + HALF_HOUR_NS, session_key))
        _CELL.run(connection, [*rows])
    recut(connection, sorted({session_key for session_key, _ in wanted}))


def recut(connection: apsw.Connection, session_keys: Iterable[int]) -> None:
    """Cut sessions anew of which half hours were deleted; the caller's transaction is open."""
    for key in session_keys:
        connection.execute("DELETE FROM session_parts WHERE session_key = ?", (key,))
        cells = connection.execute(
            "SELECT * FROM session_half_hours WHERE session_key = ? ORDER BY half_hour", (key,)
        )
        _PART.run(connection, cut(_Cell(*row) for row in cells))


#: Key of a session, and from when to when, Unix ns.
_Span = tuple[int, int, int]


def _of_one_part(
    connection: apsw.Connection, spans: list[_Span]
) -> tuple[list[list[_Cell]], set[tuple[int, int]]] | None:
    """What :func:`_affected` and :func:`_cells_of` find, in one query.

    Returns:
        Half hours by span, and keys of the parts; ``None`` if a span may touch more than one.
    """
    if any(one[0] == other[0] for one, other in pairwise(spans)):
        return None
    cells: list[list[_Cell]] = [[] for _ in spans]
    starts: list[int | None] = [0] * len(spans)
    for place, start, reach, continues, *row in connection.execute(_ONE_PART, (json.dumps(spans),)):
        of = cells[place]
        if not of:
            starts[place] = start
        if starts[place] != start or (
            start is not None and (continues or max(reach, row[3]) - start >= _LONG_NS)
        ):
            return None
        of.append(_Cell(*row))
    old = {(span[0], at) for span, at in zip(spans, starts, strict=True) if at is not None}
    return cells, old


def _cells_of(connection: apsw.Connection, spans: list[_Span]) -> list[list[_Cell]]:
    cells: list[list[_Cell]] = [[] for _ in spans]
    halves = [(key, start // HALF_HOUR_NS, end // HALF_HOUR_NS) for key, start, end in spans]
    for place, *row in connection.execute(_CELLS, (json.dumps(halves),)):
        cells[place].append(_Cell(*row))
    return cells


def _affected(
    connection: apsw.Connection, spans: list[_Span]
) -> tuple[list[_Span], set[tuple[int, int]]]:
    """``spans`` with the parts that they touch, and the keys of those."""
    while True:
        old: set[tuple[int, int]] = set()
        wider = [list(span) for span in spans]
        has_chain = False
        for place, start, end, continues in connection.execute(_PARTS, (json.dumps(spans),)):
            span = wider[place]
            old.add((span[0], start))
            span[1], span[2] = min(span[1], start), max(span[2], end)
            has_chain = has_chain or continues or end - start >= _LONG_NS
        found = _joined([(key, start, end) for key, start, end in wider])
        # Another part can only be near where one continues another.
        if found == spans or not (has_chain or len(found) < len(spans)):
            return found, old
        spans = found


def _joined(spans: list[_Span]) -> list[_Span]:
    joined: list[_Span] = []
    for span in sorted(spans):
        if joined and joined[-1][0] == span[0] and span[1] - joined[-1][2] <= _IDLE_NS:
            key, start, end = joined[-1]
            joined[-1] = key, start, max(end, span[2])
        else:
            joined.append(span)
    return joined


def _merged(one: _Cell, other: _Cell) -> _Cell:
    users = [(cell.user_time, cell.user_key) for cell in (one, other) if cell.user_time is not None]
    return _Cell(
        *one[:2],
        min(one.first_time, other.first_time),
        max(one.end_time, other.end_time),
        one.events + other.events,
        one.errors + other.errors,
        *max(one[6:8], other[6:8]),
        *(max(users) if users else (None, None)),
    )


def catch_up(connection: apsw.Connection, from_key: int, to_key: int) -> None:
    """Add events that are stored and in no session yet; the caller's transaction is open.

    Args:
        connection: to read and write through.
        from_key: the first of them.
        to_key: the one after the last.
    """
    _add_all(connection, connection.execute(_EVENTS, (from_key, to_key)))


def upgrade(connection: apsw.Connection) -> None:
    """Cut what a version stored that kept no parts; the caller's transaction is open."""
    ((last_key,),) = connection.execute("SELECT value FROM store WHERE key = 'next_event_key'")
    catch_up(connection, 0, last_key)
    _add_all(connection, connection.execute(_WITHOUT_EVENTS))
    connection.execute("UPDATE store SET value = ? WHERE key = 'next_cut_key'", (last_key,))


def _add_all(connection: apsw.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    rows = iter(rows)
    while some := list(islice(rows, _CELLS_AT_ONCE)):
        times = SessionTimes()
        for row in some:
            times.add_cell(_Cell(*row))
        times.write(connection)


_CELL = Insert(
    "session_half_hours",
    10,
    """
ON CONFLICT DO UPDATE SET first_time = min(first_time, excluded.first_time),
    end_time = max(end_time, excluded.end_time),
    events = events + excluded.events, errors = errors + excluded.errors,
    segment_key = CASE WHEN (excluded.last_time, excluded.segment_key) > (last_time, segment_key)
                       THEN excluded.segment_key ELSE segment_key END,
    last_time = max(last_time, excluded.last_time),
    user_key = CASE WHEN user_time IS NULL
                      OR (excluded.user_time, excluded.user_key) > (user_time, user_key)
                    THEN excluded.user_key ELSE user_key END,
    user_time = coalesce(max(user_time, excluded.user_time), user_time, excluded.user_time)
""",
)
_PART = Insert(
    "session_parts",
    9,
    """
ON CONFLICT DO UPDATE SET end_time = excluded.end_time, events = excluded.events,
    errors = excluded.errors, segment_key = excluded.segment_key, user_key = excluded.user_key,
    reach = excluded.reach, continues = excluded.continues
""",
)
_DELETE = "DELETE FROM session_parts WHERE session_key = ? AND start_time = ?"
# Spans come as JSON, one too: with bounds as parameters SQLite would plan each query anew (35 µs).
_PARTS = f"""
SELECT j.key, p.start_time, p.reach, p.continues
FROM json_each(?) j CROSS JOIN session_parts p
WHERE p.session_key = j.value ->> 0
  AND p.start_time >= (j.value ->> 1) - {_IDLE_NS + 2 * MAX_SESSION_NS}
  AND p.start_time <= (j.value ->> 2) + {_IDLE_NS}
  AND p.reach >= (j.value ->> 1) - {_IDLE_NS}
"""  # noqa: S608 - our own numbers
_ONE_PART = f"""
SELECT j.key, p.start_time, p.reach, p.continues, c.*
FROM json_each(?) j
LEFT JOIN session_parts p
    ON p.session_key = j.value ->> 0
    AND p.start_time >= (j.value ->> 1) - {_IDLE_NS + 2 * MAX_SESSION_NS}
    AND p.start_time <= (j.value ->> 2) + {_IDLE_NS}
    AND p.reach >= (j.value ->> 1) - {_IDLE_NS}
JOIN session_half_hours c
    ON c.session_key = j.value ->> 0
    AND c.half_hour >= min(j.value ->> 1, coalesce(p.start_time, j.value ->> 1)) / {HALF_HOUR_NS}
    AND c.half_hour <= max(j.value ->> 2, coalesce(p.reach, 0)) / {HALF_HOUR_NS}
ORDER BY j.key, p.start_time, c.half_hour
"""  # noqa: S608 - our own numbers
_CELLS = """
SELECT j.key, c.*
FROM json_each(?) j CROSS JOIN session_half_hours c
WHERE c.session_key = j.value ->> 0
  AND c.half_hour >= j.value ->> 1 AND c.half_hour <= j.value ->> 2
ORDER BY j.key, c.half_hour
"""
# A span's duration that is longer than a session tells of a clock that was set.
_CELLS_OF_EVENTS = f"""
SELECT
    e.session_key, e.time / {HALF_HOUR_NS}, min(e.time),
    max(e.time + CASE WHEN e.duration <= {MAX_SESSION_NS} THEN e.duration ELSE 0 END),
    sum(coalesce(e.weight, 1)), sum(coalesce(e.weight, 1) * s.is_failed),
    max(e.time), s.segment_key,
    CASE WHEN e.user_key IS NULL THEN NULL ELSE max(e.time) END, e.user_key
FROM events e JOIN series s ON s.series_key = e.series_key
WHERE {{which}} AND s.is_product = 1
  AND e.session_key NOT IN (SELECT session_key FROM sessions WHERE session_id = '')
GROUP BY e.session_key, e.time / {HALF_HOUR_NS}, s.segment_key, e.user_key
"""  # noqa: S608
_EVENTS = _CELLS_OF_EVENTS.format(which="e.event_key >= ? AND e.event_key < ?")
_OF_CELL = _CELLS_OF_EVENTS.format(which="e.time >= ? AND e.time < ? AND e.session_key + 0 = ?")
# Where the events are deleted, all that is left of a session is its row.
_WITHOUT_EVENTS = f"""
SELECT
    session_key, start_time / {HALF_HOUR_NS}, start_time,
    min(end_time, start_time + {MAX_SESSION_NS}), events, errors, start_time, segment_key,
    CASE WHEN user_key IS NULL THEN NULL ELSE start_time END, user_key
FROM sessions n
WHERE session_id <> '' AND events > 0
  AND NOT EXISTS (SELECT 1 FROM session_half_hours c WHERE c.session_key = n.session_key)
"""  # noqa: S608
