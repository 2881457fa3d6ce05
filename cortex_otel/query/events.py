"""Raw events: the newest, those committed since a watermark, or those of a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apsw

from cortex_otel_exporters.sqlite.reader import store_error

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EventFilter", "committed_after", "newest", "newest_key", "trace_events"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Selects events; ``None`` doesn't restrict."""

    event_type: str | None = None
    service: str | None = None
    user_tier: str | None = None
    user_prefix: str | None = None
    """A user id hash or its beginning."""
    since_ns: int | None = None
    """Inclusive."""
    until_ns: int | None = None
    """Exclusive."""

    def where(self) -> tuple[str, dict[str, int | str]]:
        """A SQL condition on ``events e``, and its named values."""
        series = {
            column: value
            for column, value in (
                ("event_type", self.event_type),
                ("service", self.service),
                ("user_tier", self.user_tier),
            )
            if value is not None
        }
        values: dict[str, int | str] = dict(series)
        conditions = ["1"]
        if series:
            match = " AND ".join(f"{column} = :{column}" for column in series)
            conditions.append(f"e.series_key IN (SELECT series_key FROM series WHERE {match})")  # noqa: S608 - our own column names
        if self.user_prefix is not None:
            conditions.append(
                "e.user_key IN (SELECT user_key FROM users"
                " WHERE substr(user_id_hash, 1, length(:user_prefix)) = :user_prefix)"
            )
            values["user_prefix"] = self.user_prefix
        for name, operator, moment in (
            ("since_ns", ">=", self.since_ns),
            ("until_ns", "<", self.until_ns),
        ):
            if moment is not None:
                conditions.append(f"e.time {operator} :{name}")
                values[name] = moment
        return " AND ".join(conditions), values


def newest(
    connection: apsw.Connection, event_filter: EventFilter, limit: int
) -> list[dict[str, object]]:
    """At most ``limit`` events, newest first; columns of the view ``telemetry_events``.

    Raises:
        StoreError: the database can't be read.
    """
    return _rows(connection, event_filter, "e.time DESC, e.event_key DESC", limit)


def committed_after(
    connection: apsw.Connection, event_key: int, event_filter: EventFilter, limit: int
) -> list[dict[str, object]]:
    """At most ``limit`` events with an ``id`` above ``event_key``, in the order of commits.

    Raises:
        StoreError: the database can't be read.
    """
    return _rows(connection, event_filter, "e.event_key", limit, event_key)


def newest_key(connection: apsw.Connection) -> int:
    """The ``id`` of the last committed event; 0 if there is none.

    Raises:
        StoreError: the database can't be read.
    """
    try:
        return int(connection.execute("SELECT max(event_key) FROM events").get or 0)
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error


def trace_events(connection: apsw.Connection, trace_id: str, limit: int) -> list[dict[str, object]]:
    """At most ``limit`` spans and events of a trace, in the order of time.

    There is no index by trace: it would cost a tenth of the file, and a scan of a million events
    takes 0.1 s.

    Args:
        connection: to the store.
        trace_id: 32 hex digits.
        limit: maximum number of rows.

    Raises:
        ValueError: ``trace_id`` isn't hex.
        StoreError: the database can't be read.
    """
    keys_sql = "SELECT event_key FROM events WHERE trace_id = :trace_id LIMIT :limit"
    values = {"trace_id": bytes.fromhex(trace_id), "limit": limit}
    try:
        keys = [row[0] for row in connection.execute(keys_sql, values)]
    except apsw.InterruptError:
        raise
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error
    rows = _by_key(connection, keys)
    return sorted(rows.values(), key=lambda row: (row["timestamp"], row["id"]))


def _rows(
    connection: apsw.Connection,
    event_filter: EventFilter,
    order: str,
    limit: int,
    after: int | None = None,
) -> list[dict[str, object]]:
    condition, values = event_filter.where()
    if after is not None:
        condition += " AND e.event_key > :after"
        values["after"] = after
    # First the keys, from integer columns only; then the view, for those few.
    keys_sql = f"SELECT e.event_key FROM events e WHERE {condition} ORDER BY {order} LIMIT :limit"  # noqa: S608 - contains no values
    try:
        keys = [row[0] for row in connection.execute(keys_sql, {**values, "limit": limit})]
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error
    rows = _by_key(connection, keys)
    # Two reads: retention may have deleted rows in between.
    return [rows[key] for key in keys if key in rows]


def _by_key(connection: apsw.Connection, keys: list[int]) -> dict[int, dict[str, Any]]:
    rows_sql = "SELECT * FROM telemetry_events WHERE id IN (SELECT value FROM json_each(:keys))"
    try:
        cursor = connection.execute(rows_sql, {"keys": json.dumps(keys)})
        names = [column[0] for column in cursor.get_description()] if keys else []
        return {row[0]: _parsed(dict(zip(names, row, strict=True))) for row in cursor}
    except apsw.InterruptError:
        raise
    except apsw.Error as error:
        raise store_error(error, connection.filename) from error


def _parsed(row: Mapping[str, object]) -> dict[str, object]:
    try:
        data = json.loads(str(row["event_data"]))
    except ValueError:
        data = {}
    return {**row, "event_data": data if isinstance(data, dict) else {}}
