"""Deletes rows of dimension tables that nothing refers to any more, as of sessions and users.

Nothing keeps count of references, so they are looked for: all keys, less those that roll-ups have,
less those that events have, chunk by chunk; all of it reading only. What is left is looked for once
more among the events stored since, in the transaction that deletes it, under the write lock.

Writers keep keys in memory. Each such transaction raises ``keys_deleted`` in ``store``, which they
read along with the next event's key; and the greatest key is never deleted, so that none is given
twice. Features, segments and platforms stay: they are few, as many as there are names.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from cortex_otel_exporters.sqlite.expiry import enter
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import apsw

    from cortex_otel_exporters.sqlite.expiry import Pace

__all__ = ["KEYS_DELETED", "delete_orphans"]

_EVENTS_AT_ONCE: Final = 50_000
#: Has writers forget the keys that they know.
KEYS_DELETED: Final = """
INSERT INTO store VALUES ('keys_deleted', 1) ON CONFLICT DO UPDATE SET value = value + 1
"""


@dataclass(frozen=True, slots=True)
class _Dimension:
    table: str
    key: str
    signal: str
    """In the ledger."""
    users: tuple[str, ...]
    """Tables that refer to it, beside ``events``."""
    again: str = ""
    """A query of keys, of the array ``?1``, that were used since without an event: by what sampling
    left out."""
    with_it: str = ""
    """A table whose rows go with it."""


class _Turns(Protocol):
    """How the caller shares the database with others."""

    def take(self, step: Callable[[], int | None]) -> int | None:
        """Do ``step``, again if the database is locked, and pause."""

    def pause(self) -> None:
        """Between two reads of some length."""


#: In an order in which what refers to others goes before them.
_DIMENSIONS: Final = (
    _Dimension(
        "sessions",
        "session_key",
        "dimension",
        ("session_parts", "session_half_hours"),
        again="SELECT c.session_key FROM json_each(?1) j CROSS JOIN session_half_hours c"
        " WHERE c.session_key = j.value",
    ),
    _Dimension(
        "users",
        "user_key",
        "user",
        (
            "rollup_user_day", "rollup_user_aside", "rollup_user_feature_days",
            "rollup_user_feature", "session_parts", "session_half_hours",
        ),
        again="SELECT t.user_key FROM json_each(?1) j CROSS JOIN user_tiers t"
        " WHERE t.user_key = j.value AND t.last_seen >="
        " (SELECT value FROM store WHERE key = 'rollups_from')",
        with_it="user_tiers",
    ),
    _Dimension("contexts", "context_key", "dimension", ()),
    _Dimension("shapes", "shape_key", "dimension", ()),
    _Dimension("series", "series_key", "dimension", ("rollup_hour", "rollup_day")),
)  # fmt: skip


def delete_orphans(
    connection: apsw.Connection, reason: str, pace: Pace, turns: _Turns
) -> Iterator[int]:
    """Delete them, a few milliseconds of the write lock at a time.

    Args:
        connection: for writing, outside a transaction.
        reason: ``age`` or ``size``, for the ledger.
        pace: how many a transaction.
        turns: between two steps.

    Yields:
        How many rows each transaction deleted.

    Raises:
        apsw.Error: a trouble of the store.
    """
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS orphans (key INTEGER PRIMARY KEY)")
    for dimension in _DIMENSIONS:
        scanned = _find(connection, dimension, turns.pause)
        step = partial(_delete_some, connection, dimension, scanned, reason, pace)
        while (deleted := turns.take(step)) is not None:
            yield deleted
    connection.execute("DROP TABLE orphans")


def _find(connection: apsw.Connection, dimension: _Dimension, pause: Callable[[], None]) -> int:
    """Fill ``orphans``; the last event that was looked at."""
    table, key = dimension.table, dimension.key
    connection.execute("DELETE FROM orphans")
    # Before anything is looked up: what is stored meanwhile is looked at once more.
    last = int(connection.execute("SELECT value - 1 FROM store WHERE key = 'next_event_key'").get)
    used = "".join(f" EXCEPT SELECT {key} FROM {user}" for user in dimension.users)  # noqa: S608
    connection.execute(
        f"INSERT INTO orphans SELECT {key} FROM {table}"  # noqa: S608 - our own names
        f" WHERE {key} < (SELECT max({key}) FROM {table}){used}"
    )
    start = int(connection.execute("SELECT coalesce(min(event_key), 0) FROM events").get)
    while start <= last and connection.execute("SELECT EXISTS (SELECT 1 FROM orphans)").get:
        connection.execute(
            f"DELETE FROM orphans WHERE key IN (SELECT {key} FROM events"  # noqa: S608
            " WHERE event_key >= ?1 AND event_key < ?1 + ?2)",
            (start, _EVENTS_AT_ONCE),
        )
        start += _EVENTS_AT_ONCE
        pause()
    return last


def _delete_some(
    connection: apsw.Connection, dimension: _Dimension, scanned: int, reason: str, pace: Pace
) -> int | None:
    """Delete some of ``orphans``; how many, ``None`` if there are none left."""
    found = connection.execute(
        "SELECT json_group_array(key) FROM (SELECT key FROM orphans LIMIT ?)", (pace.rows,)
    ).get
    if found == "[]":
        return None
    key = dimension.key
    used = f"SELECT {key} FROM events WHERE event_key > ?2 AND {key} IS NOT NULL"  # noqa: S608
    if dimension.again:
        used += f" UNION ALL {dimension.again}"
    with transaction(connection) as started:
        keys = connection.execute(
            "SELECT json_group_array(value) FROM json_each(?1)"  # noqa: S608
            f" WHERE value NOT IN ({used})",
            (found, scanned),
        ).get
        for table in filter(None, (dimension.with_it, dimension.table)):
            connection.execute(
                f"DELETE FROM {table} WHERE {key} IN (SELECT value FROM json_each(?1))",  # noqa: S608
                (keys,),
            )
        deleted = connection.changes() if keys != "[]" else 0
        if deleted:
            connection.execute(KEYS_DELETED)
        enter(connection, dimension.signal, reason, deleted)
    pace.took(time.monotonic() - started, deleted)
    connection.execute(
        "DELETE FROM orphans WHERE key IN (SELECT value FROM json_each(?1))", (found,)
    )
    return deleted
