"""The table of clock changes, for readers that have no zone database: Grafana's SQLite plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["keep_zone"]


def keep_zone(path: Path, time_zone: str, offsets: Iterable[tuple[int, int, int]]) -> None:
    """Write when the clocks of a zone change, in place of what was known of it.

    Args:
        path: the database file; nothing is done where there is none yet.
        time_zone: the zone's IANA name.
        offsets: ``(since, until, offset)``, Unix ns; the first since the beginning of time, the
            last for ever.

    Raises:
        apsw.Error, OSError, NotOursError, SchemaNewerError: it can't be written.
    """
    if not path.exists():
        return
    rows = sorted((time_zone, *each) for each in offsets)
    connection = open_for_writing(path)
    try:
        known = "SELECT * FROM zone_offsets WHERE time_zone = ? ORDER BY since"
        if list(connection.execute(known, (time_zone,))) == rows:
            return
        with transaction(connection):
            connection.execute("DELETE FROM zone_offsets WHERE time_zone = ?", (time_zone,))
            connection.executemany("INSERT INTO zone_offsets VALUES (?, ?, ?, ?)", rows)
    finally:
        connection.close()
