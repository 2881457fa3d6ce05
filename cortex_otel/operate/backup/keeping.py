"""Which copies stay: the newest of each of the last days, weeks and months."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cortex_otel.operate.backup.names import CopyName
    from cortex_otel.query.zones import Zone

__all__ = ["superseded"]


def superseded(copies: Collection[CopyName], keep: Mapping[str, int], zone: Zone) -> list[CopyName]:
    """Those of ``copies`` that needn't be kept, oldest first; never the last one made.

    Args:
        copies: whole ones, of one series.
        keep: how many of ``daily``, ``weekly`` and ``monthly``; periods without a copy don't count.
        zone: whose days are meant.
    """
    # By the order in which they were made: a clock that was wrong once costs no good copy.
    newest_first = sorted(copies, key=lambda copy: copy.sequence, reverse=True)
    kept = set(newest_first[:1])
    for period, period_of in _PERIODS.items():
        seen: set[date] = set()
        for copy in newest_first:
            if len(seen) == keep.get(period, 0):
                break
            start = period_of(date.fromisoformat(zone.iso(copy.created_s * 10**9)[:10]))
            if start not in seen:
                seen.add(start)
                kept.add(copy)
    return [copy for copy in reversed(newest_first) if copy not in kept]


_PERIODS: Mapping[str, Callable[[date], date]] = {
    "daily": lambda day: day,
    "weekly": lambda day: day - timedelta(days=day.weekday()),
    "monthly": lambda day: day.replace(day=1),
}
