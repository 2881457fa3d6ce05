"""Rows of named metrics in ``telemetry_metrics``, and how far they are written.

A period is written in one short transaction together with the note that it is, so whoever is killed
goes on behind the last whole one, and a correction replaces what was there. Rows of named metrics
are told by their ``kind``, which is that of no instrument: what a client sends under the same name
is another thing, and stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from cortex_otel_exporters.sqlite.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import apsw

__all__ = [
    "Extent",
    "Row",
    "Written",
    "end_at",
    "expire",
    "extents",
    "forget_zone",
    "known_days",
    "write",
]

_DELETED_AT_ONCE: Final = 1000


class Row(NamedTuple):
    """One value."""

    metric: str
    unit: str
    start_ns: int
    end_ns: int
    service: str
    """Empty: all."""
    tier: str
    """Empty: all."""
    value: float
    of: float | None
    """How many it is of, weighted."""


class Extent(NamedTuple):
    """Every period from one moment to another, Unix ns."""

    time_zone: str
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one transaction writes."""

    kind: str
    replaced: Mapping[str, tuple[int, int]]
    """By metric, after which moment and up to which one its periods end that are replaced."""
    rows: Iterable[Row]
    extent: Extent | None = None
    """How far the kind is written then; ``None``: as before."""
    days: Mapping[int, int] = field(default_factory=dict)
    """By UTC day, how many events it had when this was computed, or before."""


def extents(connection: apsw.Connection) -> dict[str, Extent]:
    """How far each kind is written."""
    rows = connection.execute("SELECT kind, time_zone, from_time, to_time FROM metric_periods")
    return {kind: Extent(*of) for kind, *of in rows}


def known_days(connection: apsw.Connection) -> dict[int, int]:
    """By UTC day, how many events it had when it was last counted."""
    return dict(connection.execute("SELECT day, stored FROM metric_days"))


def write(connection: apsw.Connection, written: Written) -> None:
    """Write ``written`` in one transaction.

    Raises:
        apsw.Error: nothing was written.
    """
    kind = written.kind
    with transaction(connection):
        connection.executemany(
            _REPLACE, [(kind, name, *ends) for name, ends in written.replaced.items()]
        )
        connection.executemany(
            _ROW,
            [
                (r.end_ns, r.start_ns, r.metric, r.unit, kind, r.service, r.tier, r.value, r.of)
                for r in written.rows
            ],
        )
        if written.extent is not None:
            connection.execute(_EXTENT, (kind, *written.extent))
        connection.executemany(_DAY, list(written.days.items()))


def forget_zone(connection: apsw.Connection, time_zone: str) -> None:
    """Days and weeks of another zone are to be written anew, in place of those that there are."""
    connection.execute(
        "DELETE FROM metric_periods WHERE kind IN ('daily', 'weekly') AND time_zone <> ?",
        (time_zone,),
    )


def expire(connection: apsw.Connection, kind: str, metric: str, before_ns: int) -> int:
    """Delete a few that ended before a moment; how many there were."""
    connection.execute(_EXPIRE, (kind, metric, before_ns, _DELETED_AT_ONCE))
    return int(connection.changes())


def end_at(connection: apsw.Connection, kind: str, metrics: Iterable[str], end_ns: int) -> None:
    """Forget what ends after a moment: a clock went back, or days are of another zone now."""
    connection.execute(_END_AT, (end_ns, end_ns, kind, end_ns))
    for metric in metrics:
        later = (kind, metric, end_ns, _LAST_NS)
        if connection.execute(_ANY, later).fetchone() is not None:
            connection.execute(_REPLACE, later)


_LAST_NS: Final = 2**63 - 1
_NAMED: Final = "kind IN ('hourly', 'daily', 'weekly')"  # so that its index is used
_REPLACE: Final = f"""
DELETE FROM telemetry_metrics
WHERE {_NAMED} AND kind = ? AND metric_name = ? AND timestamp > ? AND timestamp <= ?
"""  # noqa: S608 - our own words
_ANY: Final = f"""
SELECT 1 FROM telemetry_metrics
WHERE {_NAMED} AND kind = ? AND metric_name = ? AND timestamp > ? AND timestamp <= ? LIMIT 1
"""  # noqa: S608
_ROW: Final = f"""
INSERT INTO telemetry_metrics (
    timestamp, start_timestamp, metric_name, unit, kind, service, user_tier, value, count,
    attributes
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '{{}}')
ON CONFLICT (kind, metric_name, timestamp, service, user_tier) WHERE {_NAMED}
DO UPDATE SET value = excluded.value, count = excluded.count,
    start_timestamp = excluded.start_timestamp, unit = excluded.unit
"""  # noqa: S608
_END_AT: Final = """
UPDATE metric_periods SET from_time = min(from_time, ?), to_time = min(to_time, ?)
WHERE kind = ? AND to_time > ?
"""
_EXTENT: Final = "INSERT OR REPLACE INTO metric_periods VALUES (?, ?, ?, ?)"
_DAY: Final = "INSERT OR REPLACE INTO metric_days VALUES (?, ?)"
_EXPIRE: Final = f"""
DELETE FROM telemetry_metrics WHERE id IN (
    SELECT id FROM telemetry_metrics
    WHERE {_NAMED} AND kind = ? AND metric_name = ? AND timestamp < ? LIMIT ?
)
"""  # noqa: S608
