"""The keys of an event's dimensions: series, context, session and user, looked up together.

Most events of a batch share these with many others. One look-up for all four together takes a
quarter of the time of one in each table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cortex_otel_exporters.record import OTHER_EVENT_TYPES, Session
from cortex_otel_exporters.sqlite.checks import check_texts
from cortex_otel_exporters.sqlite.keys import Keys
from cortex_otel_exporters.vocabulary import (
    FAILED_RESULTS,
    INACTIVE_EVENT_TYPES,
    UNRATED_EVENT_TYPES,
)

if TYPE_CHECKING:
    import apsw

    from cortex_otel_exporters.presence import Presence
    from cortex_otel_exporters.record import Context, Record, Series

__all__ = ["DimensionKeys", "Dimensions"]

# A receiver sees many sessions; when the cache is full, it starts over empty.
_MAX_DIMENSIONS = 4096
_NO_SESSION = Session("")


class DimensionKeys(NamedTuple):
    """The keys of an event's dimensions, and what roll-ups need to know about them."""

    number: int
    """Unique within one connection."""
    keys: tuple[int, int, int]
    """Keys of the series, the feature and the segment."""
    context_key: int
    session_key: int
    user_key: int | None
    user_tier: str
    is_product: bool
    """A product event, not a span of another instrumentation."""
    is_failed: bool
    is_active: bool
    """Makes its user an active one."""
    in_error_rate: bool
    has_feature: bool
    has_session: bool
    """Events without a session are of several users, so they get no session's user."""


class Dimensions:
    """The dimension keys of one connection; safe with several processes, as :mod:`.keys`."""

    def __init__(self) -> None:
        self._keys = Keys()
        self._dimensions: dict[tuple[Series, Context, Session, str], DimensionKeys] = {}
        self._presences: dict[tuple[Series, Session, str], DimensionKeys] = {}
        self._session_keys: dict[str, int] = {}
        self._count = 0

    def find(self, connection: apsw.Connection, record: Record) -> DimensionKeys:
        """The keys of ``record``; its dimensions are inserted if needed.

        Raises:
            Exception: one of them can't be stored.
        """
        cached = self._dimensions.get(record[2:6])
        if cached is not None:
            return cached
        return self._make(connection, record)

    def find_presence(self, connection: apsw.Connection, presence: Presence) -> DimensionKeys:
        """The keys of what was sampled out: it has no row, so no series and no context.

        Raises:
            Exception: one of them can't be stored.
        """
        cached = self._presences.get(presence[:3])
        if cached is not None:
            return cached
        series, session, user = presence[:3]
        check_texts((*session, user))
        user_key = None
        if user:
            user_key = self._keys.user(connection, user, presence.first_unix_nano)
        keys = self._with_keys(
            (0, *self._keys.series.coarse(connection, series)),
            0,
            self._session_key(connection, series, session, presence.first_unix_nano, user_key),
            user_key,
            (series, session),
        )
        if len(self._presences) >= _MAX_DIMENSIONS:
            self._presences.clear()
        self._presences[presence[:3]] = keys
        return keys

    def shape(self, connection: apsw.Connection, keys: tuple[str, ...]) -> int:
        """The key of a shape: the attribute keys of an event's values."""
        return self._keys.shape(connection, keys)

    def commit(self) -> None:
        """The transaction is committed: keep its keys."""
        self._keys.commit()

    def rollback(self) -> None:
        """The transaction was rolled back: its keys may not exist."""
        self._keys.rollback()
        self._dimensions.clear()
        self._presences.clear()
        self._session_keys.clear()

    def _make(self, connection: apsw.Connection, record: Record) -> DimensionKeys:
        series = record.series
        session = record.session
        check_texts((*session, session.session_id, session.instance_id))  # of all seven, or raises
        series_keys = self._keys.series.find(connection, series)
        context_key = self._keys.context(connection, record.context)
        user_key = None
        if record.user_id_hash:
            user_key = self._keys.user(connection, record.user_id_hash, record.time_unix_nano)
        keys = self._with_keys(
            series_keys,
            context_key,
            self._session_key(connection, series, session, record.time_unix_nano, user_key),
            user_key,
            (series, session),
        )
        if len(self._dimensions) >= _MAX_DIMENSIONS:
            self._dimensions.clear()
        self._dimensions[series, record.context, record.session, record.user_id_hash] = keys
        return keys

    def _with_keys(
        self,
        keys: tuple[int, int, int],
        context_key: int,
        session_key: int,
        user_key: int | None,
        of: tuple[Series, Session],
    ) -> DimensionKeys:
        series, session = of
        self._count += 1
        return DimensionKeys(
            self._count,
            keys,
            context_key,
            session_key,
            user_key,
            series.user_tier,
            series.event_type not in OTHER_EVENT_TYPES,
            series.result in FAILED_RESULTS,
            series.event_type not in INACTIVE_EVENT_TYPES,
            series.event_type not in UNRATED_EVENT_TYPES,
            bool(series.feature),
            bool(session.session_id),
        )

    def _session_key(
        self,
        connection: apsw.Connection,
        series: Series,
        session: Session,
        time_ns: int,
        user_key: int | None,
    ) -> int:
        cached = self._session_keys.get(session.session_id)
        if cached is not None:
            return cached
        segment = self._keys.series.segments.find(connection, (series.service, series.user_tier))
        connection.execute(
            _SESSION,
            (
                session.session_id,
                user_key if session.session_id else None,
                segment,
                time_ns,
                time_ns,
                self._keys.platform(connection, session if session.session_id else _NO_SESSION),
                None if session.instance_id == session.session_id else session.instance_id,
            ),
        )
        row = connection.execute(
            "SELECT session_key FROM sessions WHERE session_id = ?", (session.session_id,)
        ).fetchone()
        if row is None:
            raise ValueError("a session that the schema rejects")
        if len(self._session_keys) >= _MAX_DIMENSIONS:
            self._session_keys.clear()
        self._session_keys[session.session_id] = int(row[0])
        return int(row[0])


_SESSION = """
INSERT OR IGNORE INTO sessions (
    session_id, user_key, segment_key, start_time, end_time, events, errors,
    platform_key, instance_id
) VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?)
"""
