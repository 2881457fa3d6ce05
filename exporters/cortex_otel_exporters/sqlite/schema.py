"""The schema: numbered migrations, in ``migrations/*.sql``; each runs in one transaction.

A star: ``events`` holds integers and surrogate keys into the dimension tables ``series``,
``contexts``, ``sessions`` and ``users``; the roll-ups are keyed by the coarser ``features`` and
``segments``. People and dashboards read the views ``telemetry_events`` and
``telemetry_user_sessions`` and the table ``telemetry_metrics``, whose names and columns are the
contract. Measured: 20 times cheaper to write than one wide table with single-column indexes, and
a seventh of its size (docs/decisions.md).

Every time is INTEGER Unix nanoseconds: Grafana's SQLite plugin turns DATETIME text into NULL, and
integers compare and index well. ``hour`` and ``day`` are whole hours and days since 1970 in UTC.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_otel_exporters.sqlite.declarations import declare
from cortex_otel_exporters.sqlite.sessions import upgrade
from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    import apsw

__all__ = [
    "APPLICATION_ID",
    "BUCKETS_AN_OCTAVE",
    "LAST_BUCKET",
    "SCHEMA_VERSION",
    "NotOursError",
    "SchemaNewerError",
    "duration_bucket",
    "migrate",
    "version_of",
]

#: ``PRAGMA application_id``, by which ``file`` and we recognise our databases: "CTX1".
APPLICATION_ID = 0x43545831

#: Resolution of the duration histogram. Bucket b holds durations of 2^(b/8) up to 2^((b+1)/8) µs;
#: its geometric mean is at most 4.5 % from any of them.
BUCKETS_AN_OCTAVE = 8
#: 2^(320/8) µs is about 12.7 days; longer durations are counted there.
LAST_BUCKET = 320


_log2 = math.log2


class NotOursError(Exception):
    """The file is another program's database; it is left alone."""

    def __init__(self) -> None:
        super().__init__(
            "the file is a SQLite database of another program: "
            "set CORTEX_OTEL_HOME to a directory of its own"
        )


class SchemaNewerError(Exception):
    """The file was written by a newer cortex-otel; this one leaves it alone."""

    def __init__(self, found: int) -> None:
        super().__init__(
            f"the database has schema {found}, this cortex-otel knows {SCHEMA_VERSION}: "
            "upgrade cortex-otel or set CORTEX_OTEL_HOME to another directory"
        )
        self.found = found


#: One script per version, in ``migrations``: the n-th migrates to ``user_version`` n.
_MIGRATIONS = ("0001.sql", "0002.sql", "0003.sql", "0004.sql", "0005.sql", "0006.sql")
_SCRIPTS = Path(__file__).with_name("migrations")

SCHEMA_VERSION = len(_MIGRATIONS)
_DECLARED_SINCE = _PARTS_SINCE = 4  # migrations are tested by versions that end before
_BUCKETS_SINCE = 5


def migrate(connection: apsw.Connection) -> None:
    """Bring the open database to this version's schema.

    Safe with several processes at once: the version is read again under the write lock.

    Raises:
        NotOursError: the file is another program's database; nothing was changed.
        SchemaNewerError: the file is from a newer cortex-otel; nothing was changed.
        apsw.Error: the file can't be read or written.
    """
    if version_of(connection) == SCHEMA_VERSION:
        if SCHEMA_VERSION >= _DECLARED_SINCE:
            declare(connection)
        return
    with transaction(connection):
        found = version_of(connection)
        for name in _MIGRATIONS[found:]:
            script = (_SCRIPTS / name).read_text(encoding="utf-8")
            # APSW runs a script statement by statement as its rows are read: read them all.
            list(connection.execute(script))
        if found < _PARTS_SINCE <= SCHEMA_VERSION:
            upgrade(connection)
        if SCHEMA_VERSION >= _BUCKETS_SINCE:
            connection.executemany(
                "INSERT OR IGNORE INTO duration_buckets VALUES (?, ?, ?, ?)", _duration_buckets()
            )
        if SCHEMA_VERSION >= _DECLARED_SINCE:
            declare(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def version_of(connection: apsw.Connection) -> int:
    """Schema version of the open file; 0 if it is new.

    Raises:
        NotOursError: the file is another program's database.
        SchemaNewerError: the file is from a newer cortex-otel.
    """
    found = int(connection.pragma("user_version"))
    is_new = not found and connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None
    if not is_new and connection.pragma("application_id") != APPLICATION_ID:
        raise NotOursError
    if found > SCHEMA_VERSION:
        raise SchemaNewerError(found)
    return found


def duration_bucket(duration_nano: int) -> int:
    """Histogram bucket of a duration in nanoseconds; see :data:`BUCKETS_AN_OCTAVE`."""
    if duration_nano <= 1000:  # noqa: PLR2004 - bucket 0 holds all up to a microsecond
        return 0
    bucket = int(_log2(duration_nano / 1000) * BUCKETS_AN_OCTAVE)
    return min(bucket, LAST_BUCKET)


def _lower_ns(bucket: int) -> int:
    """The shortest duration of ``bucket``, as the writer rounds."""
    found = round(math.exp2(bucket / BUCKETS_AN_OCTAVE) * 1000) if bucket else 0
    while found and duration_bucket(found - 1) >= bucket:
        found -= 1
    while duration_bucket(found) < bucket:
        found += 1
    return found


def _duration_buckets() -> list[tuple[int, int, float, float]]:
    return [
        (
            bucket,
            _lower_ns(bucket),
            math.exp2((bucket + 0.5) / BUCKETS_AN_OCTAVE) / 1000,
            math.exp2((bucket + 1) / BUCKETS_AN_OCTAVE) / 1000,
        )
        for bucket in range(LAST_BUCKET + 1)
    ]
