"""Surrogate keys of the dimension tables, safe with several writing processes.

A committed key never changes, so a process may cache it, until it learns that some were deleted
(``keys_deleted``, see :mod:`.orphans`). New keys are found or created inside the transaction that
uses them and enter the cache when it has committed; after a rollback they are discarded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel_exporters.sqlite.checks import check_json_object, check_texts, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

    from cortex_otel_exporters.record import Context, Series, Session

__all__ = ["KeyTable", "Keys", "SeriesKeys"]

# A process that sees more distinct values than this (hostile names, say) starts over with an empty
# cache: slower, but never larger.
_MAX_CACHED = 8192


class KeyTable:
    """The keys of one dimension table: value tuple → integer."""

    def __init__(self, table: str, key: str, columns: tuple[str, ...], unique: int) -> None:
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        match = " AND ".join(f"{column} = ?" for column in columns[:unique])
        self._insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        self._select = f"SELECT {key} FROM {table} WHERE {match}"  # noqa: S608
        self._unique = unique
        self._committed: dict[tuple[object, ...], int] = {}
        self._pending: dict[tuple[object, ...], int] = {}

    def find(
        self,
        connection: apsw.Connection,
        value: tuple[object, ...],
        rest: Callable[[], tuple[object, ...]] | None = None,
    ) -> int:
        """The key of ``value``; inserted if needed, with ``rest`` for the further columns."""
        key = self._committed.get(value) or self._pending.get(value)
        if key is not None:
            return key
        check_texts(value)
        row = connection.execute(self._select, value).fetchone()
        if row is None:
            connection.execute(self._insert, value + (rest() if rest else ()))
            row = connection.execute(self._select, value).fetchone()
        if row is None:  # OR IGNORE has skipped the row, for a NULL or a constraint
            raise ValueError("a dimension value that the schema rejects")
        self._pending[value] = int(row[0])
        return int(row[0])

    def commit(self) -> None:
        """The transaction is committed: keep its keys."""
        if self._pending:
            if len(self._committed) + len(self._pending) > _MAX_CACHED:
                self._committed.clear()
            self._committed.update(self._pending)
            self._pending.clear()

    def rollback(self) -> None:
        """The transaction was rolled back: its keys may not exist."""
        self._pending.clear()


class SeriesKeys:
    """Keys of a series and of the coarser dimensions that roll-ups use."""

    def __init__(self) -> None:
        self.segments = KeyTable("segments", "segment_key", ("service", "user_tier"), 2)
        self._features = KeyTable(
            "features", "feature_key", ("service", "event_type", "feature"), 3
        )
        self._series = KeyTable(
            "series",
            "series_key",
            (
                "service",
                "event_type",
                "name",
                "tool_name",
                "feature",
                "user_tier",
                "result",
                "level",
                "kind",
                "error_type",
                "feature_key",
                "segment_key",
            ),
            10,
        )
        self._committed: dict[Series, tuple[int, int, int]] = {}
        self._pending: dict[Series, tuple[int, int, int]] = {}

    def find(self, connection: apsw.Connection, series: Series) -> tuple[int, int, int]:
        """``(series_key, feature_key, segment_key)``."""
        cached = self._committed.get(series) or self._pending.get(series)
        if cached is not None:
            return cached
        feature, segment = self.coarse(connection, series)
        key = self._series.find(connection, tuple(series), lambda: (feature, segment))
        self._pending[series] = key, feature, segment
        return key, feature, segment

    def coarse(self, connection: apsw.Connection, series: Series) -> tuple[int, int]:
        """``(feature_key, segment_key)``."""
        feature = self._features.find(
            connection, (series.service, series.event_type, series.feature)
        )
        return feature, self.segments.find(connection, (series.service, series.user_tier))

    def commit(self) -> None:
        """Keep the keys of the committed transaction."""
        for table in (self.segments, self._features, self._series):
            table.commit()
        if self._pending:
            if len(self._committed) + len(self._pending) > _MAX_CACHED:
                self._committed.clear()
            self._committed.update(self._pending)
            self._pending.clear()

    def rollback(self) -> None:
        """Discard the keys of the transaction that was rolled back."""
        for table in (self.segments, self._features, self._series):
            table.rollback()
        self._pending.clear()


def _object_of(context: Context) -> tuple[object, ...]:
    check_json_object(context.attributes)
    return ()


class Keys:
    """All dimension keys of one connection."""

    def __init__(self) -> None:
        self.series = SeriesKeys()
        self._contexts = KeyTable(
            "contexts",
            "context_key",
            ("scope", "resource", "project_id", "branch_id", "attributes"),
            5,
        )
        self._shapes = KeyTable("shapes", "shape_key", ("keys",), 1)
        self._shape_keys: dict[tuple[str, ...], int] = {}
        self._platforms = KeyTable(
            "platforms",
            "platform_key",
            ("os", "ide", "extension_version", "server_name", "server_version", "runtime"),
            6,
        )
        self._users = KeyTable("users", "user_key", ("user_id_hash", "first_seen"), 1)
        self._tables = (self.series, self._contexts, self._shapes, self._platforms, self._users)

    def context(self, connection: apsw.Connection, context: Context) -> int:
        """Key of a context."""
        return self._contexts.find(connection, context, lambda: _object_of(context))

    def shape(self, connection: apsw.Connection, keys: tuple[str, ...]) -> int:
        """The key of a shape: the attribute keys of an event's values."""
        key = self._shape_keys.get(keys)
        if key is None:
            if len(self._shape_keys) >= _MAX_CACHED:
                self._shape_keys.clear()
            key = self._shapes.find(connection, (shape(keys),))
            self._shape_keys[keys] = key
        return key

    def platform(self, connection: apsw.Connection, session: Session) -> int:
        """The key of the platform of ``session``."""
        return self._platforms.find(connection, session[1:7])

    def user(self, connection: apsw.Connection, user_id_hash: str, seen_ns: int) -> int:
        """Key of a user, first seen at ``seen_ns`` (Unix ns) if new."""
        return self._users.find(connection, (user_id_hash,), lambda: (seen_ns,))

    def commit(self) -> None:
        """Keep the keys of the committed transaction."""
        for table in self._tables:
            table.commit()

    def rollback(self) -> None:
        """Discard the keys of the transaction that was rolled back."""
        self._shape_keys.clear()
        for table in self._tables:
            table.rollback()
