"""By which time things grow old: the clock's, unless that has jumped.

A clock that is a year ahead would have everything deleted. So the time that retention goes by
follows the clock as long as it runs on from run to run; where it has jumped ahead, or the machine
was off, it comes after by a day a run at most, and by a day an hour. So a wrong clock does little
before it is noticed, and a machine that was off for a quarter of a year has caught up in four days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cortex_otel_exporters.sqlite.expiry import NS_A_DAY, NS_AN_HOUR

if TYPE_CHECKING:
    import apsw

__all__ = ["keep", "trusted_time"]

#: So far it may run ahead at once.
_TRUSTED_NS: Final = 2 * NS_A_DAY
_CAUGHT_UP_AN_HOUR: Final = NS_A_DAY
#: Where nothing is known: a gap so long in what was recorded, with so few days after it.
_GAP_DAYS, _FEW_DAYS = 30, 3
_DAYS = """
WITH RECURSIVE days (day) AS (
    SELECT min(day) FROM rollup_day
    UNION ALL
    SELECT (SELECT min(r.day) FROM rollup_day r WHERE r.day > days.day) FROM days
    WHERE day IS NOT NULL
)
SELECT day FROM days WHERE day IS NOT NULL ORDER BY day
"""
_KNOWN = "SELECT value FROM store WHERE key = ?"
_SET = "INSERT INTO store VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value"


def trusted_time(connection: apsw.Connection, clock_ns: int) -> int:
    """By which time to delete.

    Args:
        connection: to the store.
        clock_ns: what the clock says, Unix ns.

    Returns:
        Unix ns, at most ``clock_ns``.
    """
    time_ns = connection.execute(_KNOWN, ("retention_time",)).get
    last_clock_ns = connection.execute(_KNOWN, ("retention_clock",)).get
    if time_ns is None or last_clock_ns is None:
        return min(clock_ns, _last_recorded(connection) + _TRUSTED_NS)
    if clock_ns - time_ns <= _TRUSTED_NS:
        return clock_ns
    passed = max(0, clock_ns - last_clock_ns) * _CAUGHT_UP_AN_HOUR // NS_AN_HOUR
    return int(time_ns + min(passed, _CAUGHT_UP_AN_HOUR))


def keep(connection: apsw.Connection, time_ns: int, clock_ns: int) -> None:
    """Note for the next run what this one went by, and what the clock said."""
    connection.execute(_SET, ("retention_time", time_ns))
    connection.execute(_SET, ("retention_clock", clock_ns))


def _last_recorded(connection: apsw.Connection) -> int:
    """The end of the last day with events before those that seem to be a jump of the clock."""
    days = [day for (day,) in connection.execute(_DAYS)]
    last = days[-1] if days else 0
    for place in range(max(1, len(days) - _FEW_DAYS), len(days)):
        if days[place] - days[place - 1] > _GAP_DAYS:
            last = days[place - 1]
            break
    return int(last + 1) * NS_A_DAY
