"""Funnels over the compact form; ``sql/funnel.sql`` is their definition.

For each step, the latest start of a chain that reached it is kept, as a running maximum: a later
start is never worse, since it leaves more of the window. So each step takes one pass over what
matches it, whatever the number of attempts, and the deepest attempt counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from cortex_otel.query.analysis.runs import is_changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cortex_otel.query.analysis.runs import Ints
    from cortex_otel.query.analysis.steps import Order

__all__ = ["Reached", "Rows", "reached", "rows_in_order"]

_NO_STEP: Final = 99
#: Where more of the rows than this match a step, all of them are looked at: no places to gather.
_DENSE: Final = 0.4


@dataclass(frozen=True)
class Rows:
    """What can be a step, or end an attempt; in the order of user, time and first step."""

    user: Ints
    time: NDArray[np.int64]
    steps: Ints
    """A bit a step that the row can be; bit 0 is the first."""
    series: Ints
    """Of the event; -1 for a tier that was reached."""
    opens: NDArray[np.bool_] | None
    """Whether an attempt may start here, if it is a first step; ``None``: all may."""
    excluded: NDArray[np.bool_] | None
    """Whether it ends every attempt; ``None``: none does."""

    @cached_property
    def users(self) -> NDArray[np.intp]:
        """The first row of each user."""
        return np.flatnonzero(is_changed(self.user))

    @cached_property
    def ends(self) -> NDArray[np.intp]:
        """The row after the last of each user."""
        return np.append(self.users[1:], len(self.user))

    @cached_property
    def barrier(self) -> NDArray[np.int32]:
        """The earliest row that an attempt may have started with, if it is still under way."""
        barrier = np.repeat(self.users.astype(np.int32), self.ends - self.users)
        if self.excluded is not None:
            where = np.flatnonzero(self.excluded)
            barrier[where] = where
            np.maximum.accumulate(barrier, out=barrier)
        return barrier

    def taken(self, order: NDArray[np.intp]) -> Rows:
        """These rows in another order."""
        return Rows(
            self.user[order],
            self.time[order],
            self.steps[order],
            self.series[order],
            None if self.opens is None else self.opens[order],
            None if self.excluded is None else self.excluded[order],
        )


class Reached(NamedTuple):
    """Who got to a step: for each user, the first row that did and where that attempt started."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]


def rows_in_order(rows: Rows) -> Rows:
    """At the same instant, what can be an earlier step first; by user and time they are sorted."""
    same = np.flatnonzero(rows.time[1:] == rows.time[:-1])
    same = same[rows.user[same] == rows.user[same + 1]]
    first = _FIRST_STEPS[rows.steps[same]]
    if not np.any(_FIRST_STEPS[rows.steps[same + 1]] < first):
        return rows
    alike = np.union1d(same, same + 1)
    first = _FIRST_STEPS[rows.steps[alike]]
    order = np.arange(len(rows.user))
    order[alike] = alike[np.lexsort((alike, first, rows.time[alike], rows.user[alike]))]
    return rows.taken(order)


def reached(rows: Rows, together: Sequence[bool], within_ns: int, order: Order) -> list[Reached]:
    """Who got to each step.

    Args:
        rows: in order.
        together: for each step, whether the row of the step before can be it too.
        within_ns: from the first step to any other, inclusive.
        order: ``ordered``: other events may come between; ``strict``: none; ``any``: the first
            step is whichever comes first, the second the next one, and so on.
    """
    if order == "any":
        return _in_any_order(rows, len(together), within_ns)
    is_first = (rows.steps & 1).astype(np.bool_)
    if rows.opens is not None:
        is_first &= rows.opens
    places = np.flatnonzero(is_first)
    starts = np.full(len(rows.user), -1, np.int32)
    starts[places] = places
    found = [_first_of_each_user(rows, places, starts)]
    other, taken = np.empty_like(starts), np.empty_like(rows.time)
    for step in range(1, len(together)):
        if together[step]:
            if order != "strict":
                np.maximum.accumulate(starts, out=starts)
        else:
            other[:1] = -1
            if order != "strict":
                np.maximum.accumulate(starts[:-1], out=other[1:])
            else:
                other[1:] = starts[:-1]
            starts, other = other, starts
        matches = (rows.steps & (1 << step)).astype(np.bool_)
        if np.count_nonzero(matches) > _DENSE * len(matches):
            # A start of -1 is before every barrier, whatever the time that is taken for it.
            np.take(rows.time, starts, out=taken, mode="clip")
            np.subtract(rows.time, taken, out=taken)
            matches &= taken <= within_ns
            matches &= starts >= rows.barrier
            places = np.flatnonzero(matches)
            np.copyto(starts, -1, where=~matches)
        else:
            places = np.flatnonzero(matches)
            start = starts[places]
            good = start >= rows.barrier[places]
            good &= rows.time[places] - rows.time[start] <= within_ns
            places = places[good]
            starts.fill(-1)
            starts[places] = start[good]
        found.append(_first_of_each_user(rows, places, starts))
    return found


def _in_any_order(rows: Rows, steps: int, within_ns: int) -> list[Reached]:
    none = len(rows.user)
    may_open = rows.steps != 0
    if rows.opens is not None:
        may_open &= rows.opens
    places = np.flatnonzero(may_open)
    if not len(places):
        return [Reached(places, places)] * steps
    nexts = np.full((steps, len(places)), none, np.int32)
    for step in range(steps):
        following = np.full(none + 1, none, np.int32)
        where = np.flatnonzero(rows.steps & (1 << step))
        following[where] = where
        following = np.minimum.accumulate(following[::-1])[::-1][places]
        row = np.minimum(following, none - 1)
        good = following < none
        # Of the same user, and no excluded event between.
        good &= rows.barrier[row] <= places
        good &= rows.time[row] - rows.time[places] <= within_ns
        nexts[step, good] = row[good]
    # Few rows and many columns: compared row by row, each column is sorted at once.
    for last in range(steps - 1, 0, -1):
        for step in range(last):
            least = np.minimum(nexts[step], nexts[step + 1])
            np.maximum(nexts[step], nexts[step + 1], out=nexts[step + 1])
            nexts[step] = least
    users = np.flatnonzero(np.append(True, np.diff(rows.user[places]) != 0))
    found = []
    for step in range(steps):
        # The first row that completes so many steps; of the attempts it completes, the last one.
        rank = nexts[step].astype(np.int64)
        rank *= none + 1
        rank += none - places
        best = np.minimum.reduceat(rank, users)
        best = best[best < none * (none + 1)]
        found.append(Reached(best // (none + 1), none - best % (none + 1)))
    return found


def _first_of_each_user(rows: Rows, places: NDArray[np.intp], starts: NDArray[np.int32]) -> Reached:
    first = np.searchsorted(places, rows.users)
    is_one = first < len(places)
    first, ends = first[is_one], rows.ends[is_one]
    first = first[places[first] < ends]
    return Reached(places[first], starts[places[first]].astype(np.int64))


def _first_steps() -> NDArray[np.uint8]:
    table = np.full(256, _NO_STEP, np.uint8)
    for bits in range(1, 256):
        table[bits] = (bits & -bits).bit_length() - 1
    return table


#: By the bits of a row.
_FIRST_STEPS: Final = _first_steps()
