"""Retention by any pair of events; ``sql/retention.sql`` is its definition."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cortex_otel.query.analysis import lookups
from cortex_otel.query.analysis.steps import event_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw
    from numpy.typing import NDArray

    from cortex_otel.query.analysis.form import Form
    from cortex_otel.query.analysis.runs import Ints

__all__ = ["retention", "retention_curve"]

_DAY_NS: Final = 86_400 * 10**9
#: Users whose periods are compared at a time: 4 bytes a user and period, twice.
_USERS_AT_ONCE: Final = 8192

_Cell = tuple[int, int, int, int | None]


def retention(
    connection: apsw.Connection, form: Form, values: Mapping[str, Any]
) -> list[tuple[Any, ...]] | None:
    """Rows of ``retention.sql``; ``None`` where the roll-ups tell."""
    cells = _cells(connection, form, values)
    if cells is None:
        return None
    return [
        (*cell, None if cell[3] is None or not cell[2] else cell[3] / cell[2]) for cell in cells
    ]


def retention_curve(
    connection: apsw.Connection, form: Form, values: Mapping[str, Any]
) -> list[tuple[Any, ...]] | None:
    """Rows of ``retention_curve.sql``; ``None`` where the roll-ups tell."""
    cells = _cells(connection, form, values)
    if cells is None:
        return None
    totals: dict[int, tuple[int, int]] = {}
    for _, period, users, active in cells:
        if active is not None:
            before = totals.get(period, (0, 0))
            totals[period] = (before[0] + users, before[1] + active)
    return [
        (period, str(period), users, active, active / users if users else None)
        for period, (users, active) in sorted(totals.items())
    ]


def _cells(
    connection: apsw.Connection, form: Form, values: Mapping[str, Any]
) -> list[_Cell] | None:
    start = event_step(values["start"], "start")
    returned = event_step(values["return_event"], "return_event")
    if start is None and returned is None:
        return None
    # As `recorded` of the SQL: nothing before the first event is shown.
    first_ns = connection.execute(
        "SELECT min(first_time) FROM rollup_user_day"
        " WHERE day = (SELECT min(day) FROM rollup_user_day)"
    ).get
    if first_ns is None:
        return []
    calendar = _Calendar(values)
    first_day = calendar.day(first_ns)
    series = lookups.Series(connection)
    is_start = series.is_active if start is None else series.matching([start])
    is_return = series.is_active if returned is None else series.matching([returned])
    last_day = calendar.day(values["to_ns"])
    last = calendar.number(last_day)
    columns = form.select(("user", "time", "series"), is_start | is_return)
    days = calendar.days(columns["time"])
    numbers = calendar.numbers(days)
    inside = (days >= first_day) & (days <= last_day)
    if not inside.all():
        columns = {name: column[inside] for name, column in columns.items()}
        numbers = numbers[inside]
    if not len(numbers):
        return []
    of = columns["series"]
    chosen = is_start & series.chosen(values["service"], values["user_tier"])
    # Bits: started, started in what was chosen, came back.
    bits = (is_start + 2 * chosen + 4 * is_return).astype(np.uint8)[of]
    user, number, bits = _once(columns["user"], numbers, bits)
    origin = int(number.min())
    sizes, counts = _counted(
        user,
        number - origin,
        bits,
        last=last - origin,
        cohort_kind=values["cohort_kind"],
        mode=values["mode"],
    )
    from_number = calendar.number(max(first_day, calendar.day(values["from_ns"]))) - origin
    cells: list[_Cell] = []
    for cohort in np.flatnonzero(sizes).tolist():
        if cohort < from_number:
            continue
        begins = calendar.begins(cohort + origin)
        for period in range(last - origin - cohort + 1):
            is_over = cohort + period < last - origin
            active = int(counts[cohort, cohort + period]) if is_over else None
            cells.append((begins, period, int(sizes[cohort]), active))
    return cells


def _once(
    user: Ints, number: NDArray[np.int64], bits: NDArray[np.uint8]
) -> tuple[Ints, NDArray[np.int64], NDArray[np.uint8]]:
    """A row a user and period, with all their bits."""
    back = (number[1:] < number[:-1]) & (user[1:] == user[:-1])
    if back.any():  # clocks were put back over midnight
        order = np.lexsort((number, user))
        user, number, bits = user[order], number[order], bits[order]
    new = np.ones(len(user), np.bool_)
    new[1:] = (user[1:] != user[:-1]) | (number[1:] != number[:-1])
    places = np.flatnonzero(new)
    return user[places], number[places], np.bitwise_or.reduceat(bits, places)


def _counted(
    user: Ints,
    number: NDArray[np.int64],
    bits: NDArray[np.uint8],
    *,
    last: int,
    cohort_kind: str,
    mode: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users by cohort; and by cohort and period, those who came back in it."""
    sizes = np.zeros(last + 1, np.int64)
    counts = np.zeros((last + 1, last + 1), np.int64)
    first = np.ones(len(user), np.bool_)
    first[1:] = user[1:] != user[:-1]
    row = np.cumsum(first) - 1
    for begin in range(0, int(row[-1]) + 1, _USERS_AT_ONCE):
        low, high = np.searchsorted(row, (begin, begin + _USERS_AT_ONCE))
        of, at, kind = row[low:high] - begin, number[low:high], bits[low:high]
        people = int(of[-1]) + 1
        # As a product of matrices: who started in one period and came back in another.
        started = np.zeros((people, last + 1), np.float32)
        came = np.zeros((people, last + 1), np.float32)
        mine = (kind & 1).astype(np.bool_)
        if cohort_kind == "first":
            mine[mine] = np.diff(of[mine], prepend=-1) != 0
        mine &= (kind & 2).astype(np.bool_)
        started[of[mine], at[mine]] = 1
        back = (kind & 4).astype(np.bool_) & (at < last)
        came[of[back], at[back]] = 1
        if mode != "on":
            came = np.maximum.accumulate(came[:, ::-1], axis=1)[:, ::-1]
        sizes += started.sum(axis=0).astype(np.int64)
        counts += np.rint(started.T @ came).astype(np.int64)
    return sizes, counts


class _Calendar:
    """Local days, and the periods they are in.

    Args:
        values: ``zone_offsets`` as the SQL reads them, ``period``, ``week_start``.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._offsets: list[tuple[int, int, int]] = json.loads(values["zone_offsets"])
        self._period = values["period"]
        self._shift = 11 - values["week_start"]

    def day(self, at_ns: int) -> int:
        """The local day of a moment."""
        return int(self.days(np.array([at_ns], np.int64))[0])

    def days(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """The local days of moments."""
        if not len(time):
            return time
        first, last = int(time.min()), int(time.max())
        asked = [each for each in self._offsets if each[0] <= last and each[1] > first]
        local = time + asked[0][2]
        for before, after in pairwise(asked):
            local += (time >= after[0]) * np.int64(after[2] - before[2])
        return local // _DAY_NS

    def number(self, day: int) -> int:
        """The number of the period of a day."""
        return int(self.numbers(np.array([day], np.int64))[0])

    def numbers(self, days: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the periods of days."""
        if self._period == "week":
            return np.asarray((days + self._shift) // 7 - 1)
        if self._period == "month":
            if not len(days):
                return days
            first = int(days.min())
            table = np.arange(first, int(days.max()) + 1).astype("M8[D]").astype("M8[M]")
            return np.asarray(table.astype(np.int64)[days - first])
        return days

    def begins(self, number: int) -> int:
        """The first day of a period."""
        if self._period == "week":
            return 7 * (number + 1) - int(self._shift)
        if self._period == "month":
            return int(np.datetime64(number, "M").astype("M8[D]").astype(np.int64))
        return number
