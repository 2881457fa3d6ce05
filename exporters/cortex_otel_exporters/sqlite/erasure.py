"""Deletes what is known of a user: rows, and their part in the sums that name nobody.

Events are counted out of the roll-ups by the code that counted them in, so that what is left is
what a store that never had them would hold; only of those that retention has deleted before, the
part in sums stays. Each step is a transaction of its own, small enough for others to go on writing,
and may be the last: who runs it again goes on. The user's own row goes at the end, in the
transaction that sees that nothing came after.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from cortex_otel_exporters.presence import HALF_HOUR_NS
from cortex_otel_exporters.sqlite.dimensions import DimensionKeys
from cortex_otel_exporters.sqlite.expiry import enter
from cortex_otel_exporters.sqlite.orphans import KEYS_DELETED
from cortex_otel_exporters.sqlite.rollups import Group, Rollups
from cortex_otel_exporters.sqlite.sessions import count_again, recut
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Protocol, TypeAlias

    import apsw

    from cortex_otel_exporters.sqlite.expiry import Pace

    _T = TypeVar("_T")

    #: What of an event's attributes was added to ``rollup_measure``, by name.
    Measures: TypeAlias = Callable[[Mapping[str, object]], Iterable[tuple[str, float]]]

    class Turns(Protocol):
        """Takes steps while others write."""

        pace: Pace

        def take(self, step: Callable[[], _T]) -> _T:
            """Do ``step``, and give others their turn."""

        def pause(self) -> None:
            """Look whether there is time left."""


__all__ = ["add_hour", "blank_last_context", "counts", "erase_user"]

_KEYS_AT_ONCE: Final = 50_000
#: In place of a name that has to stay, because its key must not be given again.
_NOBODY: Final = "erased-"
#: Tables by user, with the rest of their primary keys.
_BY_USER: Final = (
    ("rollup_user_day", ("day", "segment_key")),
    ("rollup_user_aside", ("day", "segment_key")),
    ("rollup_user_feature_days", ("feature_key", "segment_key", "block")),
    ("rollup_user_feature", ("feature_key", "segment_key")),
    ("user_tiers", ("user_tier",)),
)
_COLUMNS: Final = """
SELECT
    e.event_key, e.time, e.duration, coalesce(e.weight, 1.0) AS weight, s.series_key, s.feature_key,
    s.segment_key, s.is_product, e.session_key, h.keys, e.event_values
FROM {events} e
JOIN series s ON s.series_key = e.series_key
LEFT JOIN shapes h ON h.shape_key = e.shape_key
WHERE {which}
"""
_EVENTS: Final = _COLUMNS.format(
    events="json_each(?1) j CROSS JOIN events", which="e.event_key = j.value AND e.user_key = ?2"
)
_EVENTS_OF_TIME: Final = _COLUMNS.format(events="events", which="e.time >= ?1 AND e.time < ?2")
_SESSIONS: Final = """
SELECT session_key FROM sessions WHERE user_key = ?1
UNION SELECT session_key FROM session_half_hours WHERE user_key = ?1
UNION SELECT session_key FROM session_parts WHERE user_key = ?1
"""


class _Event(NamedTuple):
    event_key: int
    time: int
    duration: int | None
    weight: float
    series_key: int
    feature_key: int
    segment_key: int
    is_product: int
    session_key: int
    keys: str | None
    event_values: str | None


def counts(connection: apsw.Connection, user_keys: Iterable[int]) -> Counter[str]:
    """How many rows there are of users: ``events``, ``sessions``, ``days``, ``users``."""
    found: Counter[str] = Counter()
    for key in user_keys:
        found["users"] += 1
        for name, sql in (
            ("events", "SELECT count(*) FROM events WHERE user_key + 0 = ?1"),
            ("sessions", f"SELECT count(*) FROM ({_SESSIONS})"),  # noqa: S608 - our own text
            ("days", "SELECT count(DISTINCT day) FROM rollup_user_day WHERE user_key = ?1"),
        ):
            found[name] += connection.execute(sql, (key,)).get
    return found


def erase_user(
    connection: apsw.Connection,
    user_key: int,
    measures: Measures,
    turns: Turns,
) -> int:
    """Delete all that is stored of a user.

    Args:
        connection: for writing, with ``secure_delete`` on.
        user_key: whose.
        measures: what of an event's attributes was added to ``rollup_measure``.
        turns: take the steps.

    Returns:
        How many events.

    Raises:
        apsw.Error: a trouble of the store; what was deleted is deleted.
    """
    erased, scanned = 0, 0
    while True:
        last = int(connection.execute("SELECT coalesce(max(event_key), 0) FROM events").get)
        for start in range(scanned + 1, last + 1, _KEYS_AT_ONCE):
            keys = [
                key
                for (key,) in connection.execute(
                    "SELECT event_key FROM events"
                    " WHERE event_key >= ? AND event_key < ? AND user_key + 0 = ?",
                    (start, start + _KEYS_AT_ONCE, user_key),
                )
            ]
            while keys:
                some, keys = keys[: turns.pace.rows], keys[turns.pace.rows :]
                erased += turns.take(lambda: _erase_events(connection, user_key, some, measures))  # noqa: B023 - called at once
            turns.pause()
        scanned = last
        for table, columns in _BY_USER:
            _erase_rows(connection, user_key, table, columns, turns)
        _erase_sessions(connection, user_key, turns)
        if turns.take(lambda: _erase_row(connection, user_key, scanned)):  # noqa: B023 - the same
            return erased


def blank_last_context(connection: apsw.Connection) -> None:
    """Take the texts off the row of ``contexts`` whose key must stay, if no event refers to it."""
    with transaction(connection):
        last = connection.execute("SELECT max(context_key) FROM contexts").get
        is_used = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM events WHERE context_key = ?)", (last,)
        ).get
        if not is_used:
            connection.execute(
                "UPDATE contexts SET scope = ?, resource = '{}', project_id = '', branch_id = '',"
                " attributes = '{}' WHERE context_key = ?",
                (_NOBODY + secrets.token_hex(8), last),
            )
            connection.execute(KEYS_DELETED)


def _erase_events(
    connection: apsw.Connection,
    user_key: int,
    keys: list[int],
    measures: Measures,
) -> int:
    with transaction(connection):
        events = [_Event(*row) for row in connection.execute(_EVENTS, (json.dumps(keys), user_key))]
        rollups = _rollups_of(events, measures)
        rollups.take_back(connection)
        gone = json.dumps([event.event_key for event in events])
        for table in ("received_events", "events"):
            connection.execute(
                f"DELETE FROM {table} WHERE event_key IN (SELECT value FROM json_each(?))",  # noqa: S608
                (gone,),
            )
        count_again(connection, {(each.session_key, each.time // HALF_HOUR_NS) for each in events})
        enter(connection, "event", "erased", len(events))
    return len(events)


def add_hour(connection: apsw.Connection, from_ns: int, to_ns: int, measures: Measures) -> None:
    """Add the events of a part of one hour to the sums that name nobody.

    Args:
        connection: in a transaction.
        from_ns: Unix ns.
        to_ns: Unix ns, exclusive.
        measures: what of an event's attributes is added to ``rollup_measure``.
    """
    rows = connection.execute(_EVENTS_OF_TIME, (from_ns, to_ns))
    _rollups_of([_Event(*row) for row in rows], measures).write(connection)


def _rollups_of(events: Iterable[_Event], measures: Measures) -> Rollups:
    groups: dict[tuple[int, int], tuple[_Event, Group]] = {}
    for event in events:
        place = event.series_key, event.time // HALF_HOUR_NS
        _, group = groups.setdefault(place, (event, Group(event.time)))
        group.add(0, event.time, event.duration, event.weight)
        if event.is_product and event.keys and event.event_values:
            data = dict(zip(json.loads(event.keys), json.loads(event.event_values), strict=False))
            for name, value in measures(data):
                group.measure(name, value, event.weight)
    rollups = Rollups()
    for (_, half_hour), (event, group) in groups.items():
        rollups.add(_dimensions(event), half_hour, group)
    return rollups


def _dimensions(event: _Event) -> DimensionKeys:
    """As the writer has them; nothing of a user, since those rows go as they are."""
    return DimensionKeys(
        number=0,
        keys=(event.series_key, event.feature_key, event.segment_key),
        context_key=0,
        session_key=0,
        user_key=None,
        user_tier="",
        is_product=bool(event.is_product),
        is_failed=False,
        is_active=False,
        in_error_rate=False,
        has_feature=False,
        has_session=False,
    )


def _erase_rows(
    connection: apsw.Connection, user_key: int, table: str, columns: tuple[str, ...], turns: Turns
) -> None:
    # Looked for before the transaction: most of these tables aren't in the order of users.
    found = list(
        connection.execute(
            f"SELECT {', '.join(columns)} FROM {table} WHERE user_key = ?",  # noqa: S608 - our own names
            (user_key,),
        )
    )
    where = " AND ".join(f"{column} = ?" for column in columns)

    def delete(rows: list[tuple[object, ...]]) -> None:
        with transaction(connection):
            connection.executemany(
                f"DELETE FROM {table} WHERE {where} AND user_key = ?",  # noqa: S608
                [(*row, user_key) for row in rows],
            )

    while found:
        some, found = found[: turns.pace.rows], found[turns.pace.rows :]
        turns.take(lambda: delete(some))  # noqa: B023 - called at once


def _erase_sessions(connection: apsw.Connection, user_key: int, turns: Turns) -> None:
    for (key,) in list(connection.execute(_SESSIONS, (user_key,))):
        turns.take(lambda: _erase_session(connection, user_key, key))  # noqa: B023 - called at once


def _erase_session(connection: apsw.Connection, user_key: int, session_key: int) -> None:
    """What is left of it without events: half hours of this user, and their name.

    All of it, if nobody else was in it.
    """
    with transaction(connection):
        connection.execute(
            "DELETE FROM session_half_hours WHERE session_key = ? AND user_key = ?",
            (session_key, user_key),
        )
        recut(connection, [session_key])
        # Of its first event; nothing is counted by it.
        connection.execute(
            "UPDATE sessions SET user_key = NULL WHERE session_key = ? AND user_key = ?",
            (session_key, user_key),
        )
        is_empty = not connection.execute(
            "SELECT EXISTS (SELECT 1 FROM session_half_hours WHERE session_key = ?)", (session_key,)
        ).get
        if is_empty:  # its id came from the client, and may say who it was
            connection.execute(
                "UPDATE sessions SET session_id = ?, instance_id = NULL"
                " WHERE session_key = ? AND session_id <> ''",
                (_NOBODY + secrets.token_hex(8), session_key),
            )
            connection.execute(KEYS_DELETED)
            enter(connection, "session", "erased", 1)


def _erase_row(connection: apsw.Connection, user_key: int, scanned: int) -> bool:
    """Delete the user's row, unless an event of theirs was stored since; whether it is gone."""
    with transaction(connection):
        is_back = connection.execute(
            "SELECT EXISTS (SELECT 1 FROM events WHERE event_key > ? AND user_key + 0 = ?)",
            (scanned, user_key),
        ).get
        if is_back:
            return False
        greatest = connection.execute("SELECT max(user_key) FROM users").get
        if user_key == greatest:  # or its key would be given again
            connection.execute(
                "UPDATE users SET user_id_hash = ?, first_seen = 0, first_active = NULL"
                " WHERE user_key = ?",
                (_NOBODY + secrets.token_hex(8), user_key),
            )
        else:
            connection.execute("DELETE FROM users WHERE user_key = ?", (user_key,))
        connection.execute(KEYS_DELETED)
        enter(connection, "user", "erased", 1)
    return True
