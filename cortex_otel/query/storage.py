"""Events as Python dictionaries, for scripts and tests.

::

    from cortex_otel.query.storage import TelemetryStorage

    for event in TelemetryStorage().get_events("mcp.tool_call", limit=10):
        print(event["tool_name"], event["duration_ms"])
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel.query.events import EventFilter, newest
from cortex_otel.settings import read_environment
from cortex_otel_exporters.sqlite.reader import StoreMissingError, open_reader

if TYPE_CHECKING:
    import apsw

__all__ = ["TelemetryStorage"]


class TelemetryStorage:
    """Reads the local store; never changes it, and needs no running server.

    Args:
        path: the SQLite file; by default ``cortex.db`` in ``CORTEX_OTEL_HOME``.

    Raises:
        SettingError: ``path`` isn't given and a setting in the environment is invalid.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = read_environment().database if path is None else Path(path)

    def get_events(
        self,
        event_type: str | None = None,
        limit: int = 100,
        *,
        service: str | None = None,
        user_tier: str | None = None,
        user_id_hash: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> list[dict[str, object]]:
        """Events, newest first.

        Args:
            event_type: ``mcp.tool_call`` …; ``span`` for those of other instrumentations.
            limit: maximum number of events.
            service: ``mcp``, ``extension`` …
            user_tier: ``free``, ``trial``, ``paid`` or ``enterprise``.
            user_id_hash: the hash or its beginning.
            since_ns: Unix nanoseconds, inclusive.
            until_ns: Unix nanoseconds, exclusive.

        Returns:
            One dictionary per event, by the column names of the view ``telemetry_events``:
            ``timestamp`` in Unix nanoseconds, ``duration_ms`` in milliseconds or ``None``,
            ``event_data`` a dictionary. Empty if nothing was recorded yet.

        Raises:
            ValueError: ``limit`` is negative.
            StoreError: there is a database, but it can't be read.
        """
        if limit < 0:
            raise ValueError(f"limit={limit} is not valid: it must be 0 or more")
        event_filter = EventFilter(
            event_type=event_type,
            service=service,
            user_tier=user_tier,
            user_prefix=user_id_hash,
            since_ns=since_ns,
            until_ns=until_ns,
        )
        try:
            connection: apsw.Connection = open_reader(self.path)
        except StoreMissingError:
            return []
        try:
            return newest(connection, event_filter, limit)
        finally:
            connection.close()
