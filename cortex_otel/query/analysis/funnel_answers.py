"""The rows of the funnel questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cortex_otel.query.analysis import lookups
from cortex_otel.query.analysis.funnel import Reached, Rows, reached, rows_in_order
from cortex_otel.query.analysis.steps import funnel_parameters
from cortex_otel.semconv import TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import apsw
    from numpy.typing import NDArray

    from cortex_otel.query.analysis.form import Form, Ints
    from cortex_otel.query.analysis.steps import FunnelParameters

__all__ = ["funnel", "funnel_times", "funnel_users"]

_NS: Final = 10**9
#: 1, 5, 15 min; 1, 3, 6, 12 h; 1, 2, 3, 7, 14, 30, 60, 90 days; in seconds.
_BARS_S: Final = (
    60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 259_200, 604_800, 1_209_600,
    2_592_000, 5_184_000, 7_776_000,
)  # fmt: skip

_Answer = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Attempts:
    """Of each user, the attempt that counts; all arrays are as long, by user key."""

    asked: FunnelParameters
    rows: Rows
    reached: list[Reached]
    user: Ints
    step: NDArray[np.int64]
    """The last step, from 1."""
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    pending: NDArray[np.bool_]
    sampled: list[bool]


def funnel(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``funnel.sql``."""
    found = _attempts(connection, form, values)
    asked, steps = found.asked, len(found.asked.steps)
    names, group = lookups.breakdown(
        connection, form, asked, found.rows, user=found.user, start=found.start
    )
    # Of each step, who got there, by user key: users of a group are found by their place.
    users = np.zeros((len(names), steps), np.int64)
    pending = np.zeros_like(users)
    for step in range(steps):
        far = found.step > step
        users[:, step] = np.bincount(group[far & ~found.pending], minlength=len(names))
        pending[:, step] = np.bincount(group[far & found.pending], minlength=len(names))
    medians = _medians(found, group, len(names))
    people = users[:, 0] + pending[:, 0]
    answer = []
    for place in sorted(range(len(names)), key=lambda each: (-people[each], names[each])):
        for step in range(steps):
            count, first = int(users[place, step]), int(users[place, 0])
            before = int(users[place, step - 1]) if step else 0
            answer.append(
                (
                    names[place],
                    step + 1,
                    _name(asked, step),
                    count,
                    count / first if first else None,
                    count / before if before else None,
                    medians[place][step],
                    int(pending[place, step]),
                    int(found.sampled[step]),
                )
            )
    return answer


def funnel_times(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``funnel_times.sql``."""
    found = _attempts(connection, form, values)
    done = ~found.pending & (found.step == len(found.asked.steps))
    taken = found.rows.time[found.row[done]] - found.rows.time[found.start[done]]
    within_s = found.asked.within_ns // _NS
    ends = [each for each in _BARS_S if each < within_s] + [within_s]
    places = np.searchsorted(np.array(ends, np.int64) * _NS, taken, side="left")
    users = np.bincount(places, minlength=len(ends))
    return [(end * 1000, int(users[place])) for place, end in enumerate(ends)]


def funnel_users(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``funnel_users.sql``."""
    found = _attempts(connection, form, values)
    after = values["after_step"]
    left = ~found.pending & (found.step < len(found.asked.steps))
    if after:
        left &= found.step == after
    chosen = np.flatnonzero(left)
    times = found.rows.time[found.row[chosen]]
    hashes = lookups.user_hashes(connection, found.user[chosen])
    answer = [
        (hashes[int(found.user[place])], int(found.step[place]),
         _name(found.asked, int(found.step[place]) - 1), int(at))
        for place, at in zip(chosen, times, strict=True)
    ]  # fmt: skip
    answer.sort(key=lambda row: (-row[3], row[0]))
    return answer


def _name(asked: FunnelParameters, step: int) -> str:
    return str(step + 1) if asked.order == "any" else asked.steps[step].text


def _attempts(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Attempts:
    asked = funnel_parameters({"breakdown": "", **values})
    as_of = asked.as_of_ns or max(
        asked.to_ns, connection.execute("SELECT coalesce(max(time), 0) FROM events").get
    )
    rows, sampled = _rows(connection, form, asked, as_of)
    together = [
        bool(place and step.tier and asked.steps[place - 1].tier)
        for place, step in enumerate(asked.steps)
    ]
    found = reached(rows, together, asked.within_ns, asked.order)
    # Whoever got to a step got to those before it: the last one that has a user is theirs.
    user = rows.user[found[0].row]
    step = np.zeros(len(user), np.int64)
    row, start = np.zeros(len(user), np.int64), np.zeros(len(user), np.int64)
    for number, each in enumerate(found, 1):
        places = np.searchsorted(user, rows.user[each.row])
        step[places], row[places], start[places] = number, each.row, each.start
    pending = rows.time[start] + asked.within_ns > as_of
    return _Attempts(asked, rows, found, user, step, row, start, pending, sampled)


def _rows(
    connection: apsw.Connection, form: Form, asked: FunnelParameters, as_of: int
) -> tuple[Rows, list[bool]]:
    """What can be a step, and which steps are sampled."""
    series = lookups.Series(connection)
    bits = np.zeros(series.count, np.uint8)
    for place, step in enumerate(asked.steps):
        bits[series.matching([step])] |= 1 << place
    excluded = series.matching(asked.excluded)
    wanted = series.is_product if asked.order == "strict" else (bits != 0) | excluded
    columns = form.select(
        ("user", "time", "series", "sampled"), wanted, from_ns=asked.from_ns, to_ns=as_of
    )
    of, time = columns["series"], columns["time"]
    steps = bits[of]
    chosen = series.chosen(asked.service, asked.user_tier)
    opens = None if chosen[wanted].all() else chosen[of]
    if as_of >= asked.to_ns:
        inside = time < asked.to_ns
        opens = (inside if opens is None else opens & inside) if not inside.all() else opens
    rows = Rows(columns["user"], time, steps, of, opens, excluded[of] if excluded.any() else None)
    hidden = int(np.bitwise_or.reduce(steps[columns["sampled"]], initial=0))
    sampled = [
        bool(hidden) if asked.order == "any" else bool(hidden >> place & 1)
        for place in range(len(asked.steps))
    ]
    if not any(step.tier for step in asked.steps):
        return rows_in_order(rows, is_sorted=True), sampled
    rows = _with_tiers(connection, rows, asked, as_of)
    return rows_in_order(rows, is_sorted=False), sampled


def _with_tiers(
    connection: apsw.Connection, rows: Rows, asked: FunnelParameters, as_of: int
) -> Rows:
    """Each tier that was reached and, after what happened at that instant, ``rows``."""
    found: dict[tuple[int, int], int] = {}
    for key, times in lookups.tier_times(connection).items():
        for place, step in enumerate(asked.steps):
            if not step.tier:
                continue
            reached_at = [times[tier] for tier in TIERS[step.rank :] if tier in times]
            first = min(reached_at, default=-1)
            is_exact = place or asked.order == "any" or times.get(step.tier) == first
            if is_exact and asked.from_ns <= first <= as_of:
                found[key, first] = found.get((key, first), 0) | 1 << place
    pairs = np.array(list(found), np.int64).reshape(-1, 2)
    user, at = pairs[:, 0], pairs[:, 1]
    opens = (at < asked.to_ns) & lookups.tiers_chosen(connection, pairs, asked)
    others = np.ones(len(rows.user), np.bool_) if rows.opens is None else rows.opens
    excluded = rows.excluded
    if excluded is not None:
        excluded = np.concatenate([np.zeros(len(at), np.bool_), excluded])
    return Rows(
        np.concatenate([user.astype(rows.user.dtype), rows.user]),
        np.concatenate([at, rows.time]),
        np.concatenate([np.array(list(found.values()), np.uint8), rows.steps]),
        np.concatenate([np.full(len(at), -1, np.int32), rows.series]),
        np.concatenate([opens, others]),
        excluded,
    )


def _medians(
    found: _Attempts, group: NDArray[np.int64], groups: int
) -> Sequence[Sequence[float | None]]:
    """By group and step, the median time from the first step, by nearest rank, in ms."""
    medians: list[list[float | None]] = [[None] * len(found.asked.steps) for _ in range(groups)]
    for step, each in enumerate(found.reached[1:], 1):
        places = np.searchsorted(found.user, found.rows.user[each.row])
        counted = ~found.pending[places]
        taken = (found.rows.time[each.row] - found.rows.time[each.start])[counted]
        of = group[places[counted]]
        order = np.lexsort((taken, of))
        taken, of = taken[order], of[order]
        sizes = np.bincount(of, minlength=groups)
        ends = np.cumsum(sizes)
        for number in np.flatnonzero(sizes):
            middle = ends[number] - sizes[number] + (sizes[number] + 1) // 2 - 1
            medians[number][step] = float(taken[middle]) / 1e6
    return medians
