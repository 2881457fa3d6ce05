"""Funnels over the compact form; ``sql/funnel.sql`` is their definition.

For each step, the latest start of a chain that reached it is kept, as a running maximum: a later
start is never worse, since it leaves more of the window. So each step takes one pass over what
matches it, whatever the number of attempts, and the deepest attempt counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from cortex_otel.query.analysis.form import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cortex_otel.query.analysis.form import Ints
    from cortex_otel.query.analysis.steps import Order

__all__ = ["NO_STEP", "Reached", "Rows", "reached", "rows_in_order"]

#: In place of the first step that a row can be, for a row that is none.
NO_STEP: Final = 99


@dataclass(frozen=True, slots=True)
class Rows:
    """What can be a step, or end an attempt; in the order of user, time and first step."""

    user: Ints
    time: NDArray[np.int64]
    steps: Ints
    """A bit a step that the row can be; bit 0 is the first."""
    opens: NDArray[np.bool_]
    """Whether an attempt may start here, if it is a first step."""
    excluded: NDArray[np.bool_]
    series: Ints
    """Of the event; -1 for a tier that was reached."""


class Reached(NamedTuple):
    """Who got to a step: for each user, the first row that did and where that attempt started."""

    row: NDArray[np.intp]
    start: NDArray[np.intp]


def rows_in_order(rows: Rows) -> Rows:
    """``rows`` sorted; at the same instant, what can be an earlier step comes first."""
    first = _first_steps(rows.steps)
    order = in_order(rows.user, rows.time)
    user, time, first = rows.user[order], rows.time[order], first[order]
    same = (user[1:] == user[:-1]) & (time[1:] == time[:-1])
    if np.any(same & (first[1:] < first[:-1])):
        alike = np.flatnonzero(np.append(same, False) | np.append(False, same))
        within = np.lexsort((alike, first[alike], time[alike], user[alike]))
        order[alike] = order[alike][within]
    return Rows(
        rows.user[order],
        rows.time[order],
        rows.steps[order],
        rows.opens[order],
        rows.excluded[order],
        rows.series[order],
    )


def reached(rows: Rows, together: Sequence[bool], within_ns: int, order: Order) -> list[Reached]:
    """Who got to each step.

    Args:
        rows: in order.
        together: for each step, whether the row of the step before can be it too.
        within_ns: from the first step to any other, inclusive.
        order: ``ordered``: other events may come between; ``strict``: none; ``any``: the first
            step is whichever comes first, the second the next one, and so on.
    """
    barrier = np.full(len(rows.user), -1, np.int64)
    if rows.excluded.any():
        # The last row before each that ends an attempt.
        where = np.flatnonzero(rows.excluded)
        barrier[where] = where
        np.maximum.accumulate(barrier, out=barrier)
    if order == "any":
        return _in_any_order(rows, len(together), within_ns, barrier)
    places = np.flatnonzero((rows.steps & 1).astype(np.bool_) & rows.opens)
    found = [_first_of_each_user(rows, places, places)]
    starts = np.full(len(rows.user), -1, np.int64)
    starts[places] = places
    for step in range(1, len(together)):
        candidates = np.flatnonzero(rows.steps & (1 << step))
        if order == "strict":
            start = np.append(-1, starts)[candidates]  # the row before
        else:
            np.maximum.accumulate(starts, out=starts)
            start = starts[candidates] if together[step] else np.append(-1, starts)[candidates]
        good = start >= 0
        good &= start >= barrier[candidates]
        good &= rows.user[start] == rows.user[candidates]
        good &= rows.time[candidates] - rows.time[start] <= within_ns
        places, start = candidates[good], start[good]
        found.append(_first_of_each_user(rows, places, start))
        starts.fill(-1)
        starts[places] = start
    return found


def _in_any_order(
    rows: Rows, steps: int, within_ns: int, barrier: NDArray[np.int64]
) -> list[Reached]:
    none = len(rows.user)
    places = np.flatnonzero((rows.steps != 0) & rows.opens)
    if not len(places):
        return [Reached(places, places)] * steps
    nexts = np.full((len(places), steps), none, np.int64)
    for step in range(steps):
        following = np.full(none + 1, none, np.int64)
        where = np.flatnonzero(rows.steps & (1 << step))
        following[where] = where
        following = np.minimum.accumulate(following[::-1])[::-1]
        nexts[:, step] = _within(rows, places, following[places], within_ns, barrier)
    nexts.sort(axis=1)
    users = np.flatnonzero(np.append(True, np.diff(rows.user[places]) != 0))
    found = []
    for step in range(steps):
        # The first row that completes so many steps; of the attempts it completes, the last one.
        rank = np.where(
            nexts[:, step] < none, nexts[:, step] * (none + 1) + (none - places), np.int64(2**62)
        )
        best = np.minimum.reduceat(rank, users)
        best = best[best < 2**62]
        found.append(Reached(best // (none + 1), none - best % (none + 1)))
    return found


def _within(
    rows: Rows,
    places: NDArray[np.intp],
    following: NDArray[np.int64],
    within_ns: int,
    barrier: NDArray[np.int64],
) -> NDArray[np.int64]:
    """``following`` where it belongs to the attempt from ``places``; else one beyond all."""
    none = len(rows.user)
    row = np.minimum(following, none - 1)
    good = following < none
    good &= rows.user[row] == rows.user[places]
    good &= rows.time[row] - rows.time[places] <= within_ns
    good &= barrier[row] <= places
    return np.where(good, following, none)


def _first_of_each_user(rows: Rows, places: NDArray[np.intp], start: NDArray[np.intp]) -> Reached:
    user = rows.user[places]
    first = np.ones(len(places), np.bool_)
    first[1:] = user[1:] != user[:-1]
    return Reached(places[first], start[first])


def _first_steps(steps: Ints) -> NDArray[np.uint8]:
    table = np.full(256, NO_STEP, np.uint8)
    for bits in range(1, 256):
        table[bits] = (bits & -bits).bit_length() - 1
    return table[steps]
