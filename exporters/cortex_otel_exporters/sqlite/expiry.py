"""Deletes what is oldest, a few milliseconds of the write lock at a time.

What is kept for how long is the caller's to say; here is how it goes. Each call of
:func:`delete_some` is one transaction: rows of one kind from before a moment, oldest first, at most
so many, with their number in the ledger (outcome ``expired``) and, before the first of them goes,
the moment from which on that kind is kept in the table ``store``: ``events_from`` for events,
``rollups_from`` for roll-ups and sessions. A process may be killed at any moment: the next one goes
on.

The keys are looked up before the transaction, and every statement takes and gives one row, of JSON:
each further row would wait for the host's GIL, with the write lock held.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cortex_otel_exporters.presence import HALF_HOUR_NS, MAX_SESSION_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

__all__ = [
    "EVENTS",
    "METRICS",
    "NAMED_METRICS",
    "NS_AN_HOUR",
    "NS_A_DAY",
    "ROLLUPS",
    "SESSIONS",
    "Kind",
    "Pace",
    "delete_some",
    "enter",
    "transaction",
]  # fmt: skip

NS_AN_HOUR: Final = 3_600 * 10**9
NS_A_DAY: Final = 24 * NS_AN_HOUR
_NS_A_WEEK: Final = 7 * NS_A_DAY
_NS_A_BLOCK: Final = 32 * NS_A_DAY
_MIN_ROWS, _MAX_ROWS = 16, 8192


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that are deleted in the same way."""

    signal: str
    """As in the ledger: ``event``, ``metric``; ``session`` and ``rollup`` are no records."""
    mark: str
    """Key in ``store`` of the moment from which on they are kept; empty for none."""
    unit_ns: int
    """Length of what ``find`` compares; nothing goes before all of it is over."""
    find: str
    """A query of one JSON array of keys: of rows before ``?1``, in units since 1970, at most ``?2``
    of them, oldest first."""
    deletes: tuple[str, ...]
    """Statements that delete the rows with the keys ``?1``, those that are counted last."""


def _rollup(table: str, columns: str, unit_ns: int, at: str = "") -> Kind:
    """A table whose primary key is ``columns``; ``at`` of them says when, or the first."""
    at = at or columns.split(", ", maxsplit=1)[0]
    keys = ", ".join(f"value ->> {place}" for place in range(len(columns.split(", "))))
    return Kind(
        "rollup",
        "rollups_from",
        unit_ns,
        (
            f"SELECT json_group_array(json_array({columns})) FROM "  # noqa: S608 - our own names
            f"(SELECT {columns} FROM {table} WHERE {at} < ?1 ORDER BY {columns} LIMIT ?2)"
        ),
        (f"DELETE FROM {table} WHERE ({columns}) IN (SELECT {keys} FROM json_each(?1))",),  # noqa: S608
    )


EVENTS: Final = Kind(
    "event",
    "events_from",
    1,
    "SELECT json_group_array(event_key) FROM "
    "(SELECT event_key FROM events WHERE time < ?1 ORDER BY time LIMIT ?2)",
    (
        "DELETE FROM received_events WHERE event_key IN (SELECT value FROM json_each(?1))",
        "DELETE FROM events WHERE event_key IN (SELECT value FROM json_each(?1))",
    ),
)

_POINTS: Final = """
WITH RECURSIVE names (name) AS (
    SELECT min(metric_name) FROM telemetry_metrics
    UNION ALL
    SELECT (SELECT min(metric_name) FROM telemetry_metrics WHERE metric_name > name)
    FROM names WHERE name IS NOT NULL
)
SELECT json_group_array(id) FROM (
    SELECT m.id FROM names n CROSS JOIN telemetry_metrics m
    WHERE m.metric_name = n.name AND m.timestamp < ?1
      AND m.kind {which} IN ('hourly', 'daily', 'weekly')
      -- Never the last one: its id would be given again.
      AND m.id < (SELECT max(id) FROM telemetry_metrics)
    LIMIT ?2
)
"""
_DELETE_POINTS: Final = (
    "DELETE FROM telemetry_metrics WHERE id IN (SELECT value FROM json_each(?1))",
)
#: Points of instruments: as raw as events.
METRICS: Final = Kind("metric", "", 1, _POINTS.format(which="NOT"), _DELETE_POINTS)
#: Values of named metrics (named_metrics.py), which outlive what they were computed from.
NAMED_METRICS: Final = Kind("metric", "", 1, _POINTS.format(which=""), _DELETE_POINTS)

#: A session goes when it has ended before; of a client's session that is longer, those parts.
SESSIONS: Final = Kind(
    "session",
    "rollups_from",
    1,
    "SELECT json_group_array(json_array(session_key, start_time, end_time)) FROM "
    "(SELECT * FROM session_parts WHERE end_time < ?1 ORDER BY end_time LIMIT ?2)",
    (
        # A part that was cut short has a day of half hours: the next one begins in the one after.
        f"""
DELETE FROM session_half_hours WHERE (session_key, half_hour) IN (
    SELECT c.session_key, c.half_hour FROM json_each(?1) j CROSS JOIN session_half_hours c
    WHERE c.session_key = j.value ->> 0
      AND c.half_hour >= (j.value ->> 1) / {HALF_HOUR_NS}
      AND c.half_hour <= (j.value ->> 2) / {HALF_HOUR_NS}
      AND c.half_hour < (j.value ->> 1) / {HALF_HOUR_NS} + {MAX_SESSION_NS // HALF_HOUR_NS}
)
""",  # noqa: S608 - our own numbers
        """
DELETE FROM session_parts WHERE (session_key, start_time) IN (
    SELECT value ->> 0, value ->> 1 FROM json_each(?1)
)
""",
    ),
)

#: What a question reads first goes first.
ROLLUPS: Final = (
    _rollup("rollup_user_day", "day, user_key, segment_key", NS_A_DAY),
    _rollup("rollup_user_aside", "day, user_key, segment_key", NS_A_DAY),
    _rollup("rollup_day", "day, series_key", NS_A_DAY),
    _rollup("rollup_hour", "hour, series_key", NS_AN_HOUR),
    _rollup("rollup_measure", "hour, feature_key, segment_key, measure", NS_AN_HOUR),
    _rollup("rollup_hour_duration", "hour, feature_key, segment_key, bucket", NS_AN_HOUR),
    _rollup("rollup_day_duration", "day, feature_key, segment_key, bucket", NS_A_DAY),
    _rollup("rollup_week_duration", "week, feature_key, segment_key, bucket", _NS_A_WEEK),
    _rollup(
        "rollup_user_feature_days",
        "feature_key, user_key, segment_key, block",
        _NS_A_BLOCK,
        at="block",
    ),
    _rollup("rollup_user_feature", "feature_key, user_key, segment_key", NS_A_DAY, at="last_day"),
)


class Pace:
    """How many rows a transaction deletes, so that it holds the write lock about so long.

    Args:
        seconds: to hold it; half of that at first is likely.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.rows = 256

    def took(self, seconds: float) -> None:
        """The last transaction held it so long."""
        factor = min(2.0, max(0.25, self.seconds / max(seconds, 1e-6)))
        self.rows = max(_MIN_ROWS, min(_MAX_ROWS, int(self.rows * factor)))

    def narrow(self) -> bool:
        """Far fewer from now on; ``False`` if they are as few as can be."""
        before, self.rows = self.rows, max(1, self.rows // 8)
        return self.rows < before


def delete_some(
    connection: apsw.Connection,
    kind: Kind,
    before_ns: int,
    reason: str,
    pace: Pace,
    *,
    min_rows: int = 0,
) -> int:
    """Delete the oldest rows of ``kind`` from before ``before_ns``, in one transaction.

    Args:
        connection: for writing, outside a transaction.
        kind: which.
        before_ns: Unix ns.
        reason: ``age`` or ``size``, for the ledger.
        pace: how many, and told how long that took.
        min_rows: at least so many, whatever the pace.

    Returns:
        How many; 0: there are none.

    Raises:
        apsw.Error: a trouble of the store; nothing was deleted.
    """
    rows = max(pace.rows, min_rows)
    keys = connection.execute(kind.find, (before_ns // kind.unit_ns, rows)).get
    if keys == "[]":
        return 0
    with transaction(connection) as started:
        if kind.mark:
            connection.execute(_MARK, (kind.mark, before_ns))
        for statement in kind.deletes:
            connection.execute(statement, (keys,))
        deleted = connection.changes()
        enter(connection, kind.signal, reason, deleted)
    pace.took(time.monotonic() - started)
    # Another process may have deleted the same: then there may be more, all the same.
    return max(1, deleted)


@contextlib.contextmanager
def transaction(connection: apsw.Connection) -> Iterator[float]:
    """A transaction for writing; gives the moment when it had the lock, in monotonic seconds."""
    connection.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    try:
        yield started
        connection.execute("COMMIT")
    finally:
        if not connection.get_autocommit():
            connection.execute("ROLLBACK")


def enter(connection: apsw.Connection, signal: str, reason: str, number: int) -> None:
    """Enter into the ledger of today that ``number`` of ``signal`` expired."""
    if number:
        day = time.time_ns() // NS_A_DAY
        connection.execute(_LEDGER, (day, signal, "expired", reason, number))


_MARK: Final = """
INSERT INTO store VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)
"""
_LEDGER: Final = """
INSERT INTO ledger VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET records = records + excluded.records
"""
