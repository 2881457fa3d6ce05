"""From when on the store has everything: what retention has deleted is before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import apsw

__all__ = ["kept_from"]

_KEPT = """
SELECT
    coalesce((SELECT value FROM store WHERE key = 'events_from'), 0),
    coalesce((SELECT value FROM store WHERE key = 'rollups_from'), 0)
"""


def kept_from(connection: apsw.Connection) -> tuple[int, int]:
    """From when on all events, and all roll-ups and sessions, are kept.

    Returns:
        Unix ns each; 0: nothing was ever deleted.
    """
    events, rollups = connection.execute(_KEPT).get
    return max(events, rollups), rollups
