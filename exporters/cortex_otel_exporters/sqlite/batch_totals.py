"""What a batch adds to roll-ups, sessions and users: summed in memory, then written at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cortex_otel_exporters.presence import HALF_HOUR_NS
from cortex_otel_exporters.sqlite.rollups import Group, Rollups
from cortex_otel_exporters.sqlite.sessions import SessionTimes

if TYPE_CHECKING:
    import apsw

    from cortex_otel_exporters.sqlite.dimensions import DimensionKeys

__all__ = ["BatchTotals"]

_FIRST_SEEN = """
UPDATE users SET first_seen = min(first_seen, ?2),
    first_active = coalesce(min(first_active, ?3), first_active, ?3)
WHERE user_key = ?1 AND (first_seen > ?2 OR coalesce(first_active > ?3, first_active IS NOT ?3))
"""


class BatchTotals:
    """The totals of one batch."""

    def __init__(self) -> None:
        self._groups: dict[int, tuple[DimensionKeys, int, Group]] = {}

    def group(self, keys: DimensionKeys, time_ns: int) -> Group:
        """The group of an event with ``keys`` at ``time_ns``."""
        half_hour = time_ns // HALF_HOUR_NS
        entry = self._groups.get(keys[0] << 32 | half_hour)  # half hours of 63 bits of ns: 23 bits
        if entry is None:
            entry = self._groups[keys[0] << 32 | half_hour] = keys, half_hour, Group(time_ns)
        return entry[2]

    def write(self, connection: apsw.Connection, *, pause: bool, sessions: bool) -> None:
        """Add everything up in the database.

        Args:
            connection: to write through.
            pause: between tables, for the host's threads.
            sessions: add to sessions, too; else they get there when their turn has come.
        """
        rollups = Rollups()
        times = SessionTimes()
        first_seen: dict[int, tuple[int, int | None]] = {}
        for keys, half_hour, group in self._groups.values():
            rollups.add(keys, half_hour, group)
            # An older version's process has stored none of what was sampled out.
            if keys.has_session and keys.is_product and (sessions or not group.stored):
                times.add(keys, half_hour, group)
            if keys.user_key is not None:
                seen, active = first_seen.get(keys.user_key, (group.first, None))
                if keys.is_active:
                    active = group.first if active is None else min(active, group.first)
                first_seen[keys.user_key] = min(seen, group.first), active
        times.write(connection)
        # Events arrive in any order, so the one that created the key may not be the user's first.
        connection.executemany(_FIRST_SEEN, [(user, *at) for user, at in first_seen.items()])
        rollups.write(connection, pause=pause)
