"""A database that nobody looks after doesn't grow for ever: its writers delete the oldest events.

A last resort, for a machine on which neither ``cortex-otel serve`` nor ``cortex-otel retain`` runs.
Now and then a writer looks how large the database is; while that is too much, it deletes a little
after each batch that it has written: events alone, which is what grows. It does so in steps that
hold the write lock for a few milliseconds; in between, other writers get their turn.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cortex_otel_exporters import native
from cortex_otel_exporters.sqlite.expiry import EVENTS, METRICS, NS_AN_HOUR, Pace, delete_some
from cortex_otel_exporters.sqlite.space import raw_bytes, used_bytes

if TYPE_CHECKING:
    import apsw

__all__ = ["SizeCap", "oldest_hour_end"]

_SECONDS_BETWEEN_LOOKS: Final = 60.0
_SECONDS_IF_IN_VAIN: Final = 3600.0
_HOLD_SECONDS: Final = 0.003
#: A writer that waits has had its turn after this.
_PAUSE_SECONDS: Final = 0.003
#: After a batch: an exit waits for no more than that.
_SECONDS_A_BATCH: Final = 0.2
#: Deleting goes on until this share of what is allowed is left.
_ENOUGH: Final = 0.98
#: Where roll-ups and names take nearly all, this share stays the events'.
_OF_EVENTS: Final = 0.1
#: The newest events that are never deleted for their size, all of that hour with them.
_NEWEST: Final = 10_000
_BETWEEN = f"""
SELECT
    (SELECT time FROM events ORDER BY time LIMIT 1 OFFSET ?),
    coalesce((SELECT time FROM events ORDER BY time DESC LIMIT 1 OFFSET {_NEWEST}), 0)
"""  # noqa: S608 - our own number


class SizeCap:
    """What one connection does for the size of its database.

    Args:
        max_bytes: allowed; 0 for any size.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._next_look = 0.0
        self._is_over = False
        self._pace = Pace(_HOLD_SECONDS)
        self._pace_of_metrics = Pace(_HOLD_SECONDS)

    def after_batch(self, connection: apsw.Connection, rows: int) -> None:
        """Delete a little, if the database is too large.

        Args:
            connection: for writing, outside a transaction.
            rows: how many were just written: more than those are deleted.

        Raises:
            apsw.Error: a trouble of the store; nothing was deleted.
        """
        if not self._max_bytes:
            return
        now = time.monotonic()
        if not self._is_over:
            if now < self._next_look:
                return
            self._next_look = now + _SECONDS_BETWEEN_LOOKS
            if used_bytes(connection) <= self._max_bytes:
                return
        wanted = max(self._pace.rows, 2 * rows)
        before = oldest_hour_end(connection, wanted)
        self._is_over = (
            before > 0
            and used_bytes(connection) > self._max_bytes * _ENOUGH
            and raw_bytes(connection) > self._max_bytes * _OF_EVENTS
        )
        if self._is_over:
            delete_some(connection, METRICS, before, "size", self._pace_of_metrics)
            deadline = now + _SECONDS_A_BATCH
            while wanted > 0 and time.monotonic() < deadline:
                native.sleep(_PAUSE_SECONDS)
                wanted -= delete_some(connection, EVENTS, before, "size", self._pace) or wanted
        elif used_bytes(connection) > self._max_bytes:
            self._next_look = now + _SECONDS_IF_IN_VAIN


def oldest_hour_end(connection: apsw.Connection, events: int) -> int:
    """The end of the oldest hours that may go for their size.

    Args:
        connection: to the store.
        events: so many at least are in those hours, if so many may go.

    Returns:
        Unix ns; 0 if none may.
    """
    oldest, newest = connection.execute(_BETWEEN, (events,)).get
    limit = int(newest) // NS_AN_HOUR * NS_AN_HOUR
    end = limit if oldest is None else min(limit, (int(oldest) // NS_AN_HOUR + 1) * NS_AN_HOUR)
    first = connection.execute("SELECT min(time) FROM events").get
    return end if first is not None and int(first) < end else 0
