"""Retention by any pair of events; ``sql/retention.sql`` is its definition."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
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

__all__ = ["retention", "retention_curve", "retention_groups"]

_DAY_NS: Final = 86_400 * 10**9
_WORD: Final = 16
_Z: Final = 1.959963984540054
_Z_SQUARED: Final = 3.841458820694124

_Cell = tuple[int, int, int, int | None]


def retention(
    connection: apsw.Connection, form: Form, values: Mapping[str, Any]
) -> list[tuple[Any, ...]] | None:
    """Rows of ``retention.sql``; ``None`` where the roll-ups tell."""
    marks = _marks(connection, form, values)
    if marks is None:
        return None
    return [
        (*cell, None if cell[3] is None or not cell[2] else cell[3] / cell[2])
        for cell in _cells(marks, values)
    ]


def retention_curve(
    connection: apsw.Connection, form: Form, values: Mapping[str, Any]
) -> list[tuple[Any, ...]] | None:
    """Rows of ``retention_curve.sql``; ``None`` where the roll-ups tell."""
    marks = _marks(connection, form, values)
    if marks is None:
        return None
    return [
        (period, str(period), users, active, active / users if users else None)
        for period, users, active in _curve(_cells(marks, values))
    ]


def retention_groups(
    connection: apsw.Connection, form: Form, values: Mapping[str, Any]
) -> list[tuple[Any, ...]] | None:
    """Rows of ``retention_groups.sql``; ``None`` where the roll-ups tell."""
    marks = _marks(connection, form, values)
    if marks is None:
        return None
    curves = [
        (value, _curve(_cells(marks.of(users), values)))
        for value, users in lookups.groups(connection, values["breakdown"])
    ]
    curves.sort(key=lambda each: (-max((users for _, users, _ in each[1]), default=0), each[0]))
    return [
        (value, period, users, active, *_wilson(active, users))
        for value, curve in curves
        for period, users, active in curve
    ]


def _curve(cells: list[_Cell]) -> list[tuple[int, int, int]]:
    """By period: users for whom it is over, and those of them who came back in it."""
    totals: dict[int, tuple[int, int]] = {}
    for _, period, users, active in cells:
        if active is not None:
            before = totals.get(period, (0, 0))
            totals[period] = (before[0] + users, before[1] + active)
    return [(period, *totals[period]) for period in sorted(totals)]


def _wilson(hits: int, trials: int) -> tuple[float | None, float | None, float | None]:
    """The share and its interval, step by step as ``wilson.sql`` has them."""
    if not trials:
        return None, None, None
    rate = hits / trials
    centre = rate + _Z_SQUARED / 2 / trials
    half_width = _Z * math.sqrt(rate * (1 - rate) / trials + _Z_SQUARED / 4 / trials / trials)
    low = (centre - half_width) / (1 + _Z_SQUARED / trials) if hits else 0.0
    high = (centre + half_width) / (1 + _Z_SQUARED / trials) if hits < trials else 1.0
    return rate, low, high


@dataclass(frozen=True, slots=True)
class _Marks:
    """What each user did in each period; all arrays are as long, by user and period."""

    user: Ints
    number: NDArray[np.int64]
    """Of the period."""
    bits: NDArray[np.uint8]
    """1 started, 2 started in what was chosen, 4 came back."""
    from_number: int
    """The first period of which there are cohorts."""
    last: int
    """The period that isn't over."""
    shown: int
    """The last one that the range touches: one before that where it ends as a period does."""
    calendar: _Calendar

    def of(self, users: NDArray[np.int64]) -> _Marks:
        """Those of some users."""
        mine = np.isin(self.user, users)
        return replace(self, user=self.user[mine], number=self.number[mine], bits=self.bits[mine])


def _marks(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Marks | None:
    start = event_step(values["start"], "start")
    returned = event_step(values["return_event"], "return_event")
    if start is None and returned is None:
        return None
    calendar = _Calendar(values)
    last_day = calendar.day(values["to_ns"])
    first_ns = lookups.first_time(connection)
    # Nothing before the first event is shown.
    first_day = last_day + 1 if first_ns is None else calendar.day(first_ns)
    series = lookups.Series(connection)
    is_start = series.is_active if start is None else series.matching([start])
    is_return = series.is_active if returned is None else series.matching([returned])
    chosen = is_start & series.chosen(values["service"], values["user_tier"])
    bits_of = (is_start + 2 * chosen + 4 * is_return).astype(np.uint8)
    nothing = np.zeros(0, np.int64)
    blocks = [(nothing, nothing, nothing.astype(np.uint8))]
    for users in form.blocks():
        columns = form.select(("user", "time", "series"), is_start | is_return, users=users)
        days = calendar.days(columns["time"])
        rows = columns["user"], calendar.numbers(days), bits_of[columns["series"]]
        inside = (days >= first_day) & (days <= last_day)
        if not inside.all():
            rows = rows[0][inside], rows[1][inside], rows[2][inside]
        if len(rows[0]):
            blocks.append(_once(*rows))
    user, number, bits = (np.concatenate(each) for each in zip(*blocks, strict=True))
    return _Marks(
        user,
        number,
        bits,
        from_number=calendar.number(max(first_day, calendar.day(values["from_ns"]))),
        last=calendar.number(last_day),
        shown=calendar.number(calendar.day(values["to_ns"] - 1)),
        calendar=calendar,
    )


def _cells(marks: _Marks, values: Mapping[str, Any]) -> list[_Cell]:
    if not len(marks.user):
        return []
    origin = int(marks.number.min())
    sizes, counts = _counted(
        marks.user,
        marks.number - origin,
        marks.bits,
        last=marks.last - origin,
        cohort_kind=values["cohort_kind"],
        mode=values["mode"],
    )
    cells: list[_Cell] = []
    for cohort in np.flatnonzero(sizes).tolist():
        if not marks.from_number <= cohort + origin <= marks.shown:
            continue
        begins = marks.calendar.begins(cohort + origin)
        for period in range(marks.shown - origin - cohort + 1):
            is_over = cohort + period < marks.last - origin
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
    is_first = np.ones(len(user), np.bool_)
    np.not_equal(user[1:], user[:-1], out=is_first[1:])
    row = np.cumsum(is_first) - 1
    people = int(row[-1]) + 1
    mine = (bits & 1).astype(np.bool_)
    if cohort_kind == "first":
        mine[mine] = np.diff(row[mine], prepend=-1) != 0
    mine &= (bits & 2).astype(np.bool_)
    back = (bits & 4).astype(np.bool_) & (number < last)
    cohort, of, came, who = number[mine], row[mine], number[back], row[back]
    sizes = np.bincount(cohort, minlength=last + 1)
    if mode != "on":
        # Who came back for the last time in a period did so in it or after any earlier one.
        latest = np.full(people, -1, np.int64)
        latest[who] = came  # the last one that is written stays
        counts = _pairs(cohort, latest[of], last + 1)
        counts = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    elif cohort_kind == "first":
        began = np.full(people, -1, np.int64)
        began[of] = cohort
        counts = _pairs(began[who], came, last + 1)
    else:
        counts = _both(_sets(of, cohort, people, last + 1), _sets(who, came, people, last + 1))
    return sizes, counts


def _pairs(cohort: NDArray[np.int64], period: NDArray[np.int64], periods: int) -> NDArray[np.int64]:
    """How often each pair is there; -1 is none."""
    known = (cohort >= 0) & (period >= 0)
    codes = cohort[known] * periods + period[known]
    return np.bincount(codes, minlength=periods * periods).reshape(periods, periods)


def _sets(
    row: NDArray[np.int64], period: NDArray[np.int64], people: int, periods: int
) -> NDArray[np.uint16]:
    """By period, a bit a user."""
    words = -(-people // _WORD)
    sets = np.zeros((periods, words), np.uint16)
    np.bitwise_or.at(sets, (period, row // _WORD), np.uint16(1) << (row % _WORD).astype(np.uint16))
    return sets


def _both(started: NDArray[np.uint16], came: NDArray[np.uint16]) -> NDArray[np.int64]:
    """How many started in one period and came back in another, from it on."""
    counts = np.zeros((len(started), len(came)), np.int64)
    for cohort in np.flatnonzero(started.any(axis=1)).tolist():
        counts[cohort, cohort:] = _bits(started[cohort] & came[cohort:]).sum(axis=1, dtype=np.int64)
    return counts


def _bits(words: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """How many bits of each word are set."""
    if hasattr(np, "bitwise_count"):  # since numpy 2
        return np.asarray(np.bitwise_count(words), np.uint8)
    octets = np.arange(2**8, dtype=np.uint8)
    of_octet = np.unpackbits(octets[:, None], axis=1).sum(axis=1, dtype=np.uint8)
    return np.asarray(of_octet[words & 0xFF] + of_octet[words >> 8], np.uint8)


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
