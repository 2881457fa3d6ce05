"""The rows of the funnel questions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cortex_otel.query.analysis import lookups
from cortex_otel.query.analysis.funnel import Reached, Rows, reached, rows_in_order
from cortex_otel.query.analysis.steps import funnel_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw
    from numpy.typing import NDArray

    from cortex_otel.query.analysis.form import Form
    from cortex_otel.query.analysis.runs import Ints
    from cortex_otel.query.analysis.steps import FunnelParameters

__all__ = ["funnel", "funnel_times", "funnel_users"]

_NS: Final = 10**9
_NEVER: Final = 2**62
#: 1, 5, 15 min; 1, 3, 6, 12 h; 1, 2, 3, 7, 14, 30, 60, 90 days; in seconds.
_BARS_S: Final = (
    60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 259_200, 604_800, 1_209_600,
    2_592_000, 5_184_000, 7_776_000,
)  # fmt: skip

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

_Answer = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Attempts:
    """Of each user, the attempt that counts; all arrays are as long, by user key."""

    user: Ints
    step: NDArray[np.int64]
    """The last step, from 1."""
    time: NDArray[np.int64]
    """When it was taken."""
    start_time: NDArray[np.int64]
    pending: NDArray[np.bool_]
    values: list[str]
    """Of the breakdown."""
    taken: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    """For each step after the first: places of those who got there, and how long they took."""
    sampled: int
    """A bit a step of which events are sampled."""


def funnel(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``funnel.sql``."""
    asked = funnel_parameters(values)
    found = _attempts(connection, form, asked)
    names = sorted(set(found.values))
    place_of = {name: number for number, name in enumerate(names)}
    group = np.array([place_of[each] for each in found.values], np.int64)
    users = np.zeros((len(names), len(asked.steps)), np.int64)
    pending = np.zeros_like(users)
    for step in range(len(asked.steps)):
        far = found.step > step
        users[:, step] = np.bincount(group[far & ~found.pending], minlength=len(names))
        pending[:, step] = np.bincount(group[far & found.pending], minlength=len(names))
    medians = _medians(found, group, len(names))
    people = users[:, 0] + pending[:, 0]
    answer = []
    for place in sorted(range(len(names)), key=lambda each: (-people[each], names[each])):
        for step in range(len(asked.steps)):
            count, first = int(users[place, step]), int(users[place, 0])
            before = int(users[place, step - 1]) if step else 0
            hidden = found.sampled if asked.order == "any" else found.sampled >> step & 1
            answer.append(
                (
                    names[place],
                    step + 1,
                    _name(asked, step),
                    count,
                    count / first if first else None,
                    count / before if before else None,
                    medians[step][place],
                    int(pending[place, step]),
                    int(bool(hidden)),
                )
            )
    return answer


def funnel_times(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``funnel_times.sql``."""
    asked = funnel_parameters({**values, "breakdown": ""})
    found = _attempts(connection, form, asked)
    done = ~found.pending & (found.step == len(asked.steps))
    taken = found.time[done] - found.start_time[done]
    if not len(taken):
        return []
    within_s = asked.within_ns // _NS
    ends = [each for each in _BARS_S if each < within_s] + [within_s]
    places = np.searchsorted(np.array(ends, np.int64) * _NS, taken, side="left")
    users = np.bincount(places, minlength=len(ends))
    return [
        (end * 1000, _bar(after, end), int(users[place]))
        for place, (after, end) in enumerate(pairwise([0, *ends]))
    ]


def funnel_users(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``funnel_users.sql``."""
    asked = funnel_parameters({**values, "breakdown": ""})
    found = _attempts(connection, form, asked)
    after = values["after_step"]
    left = ~found.pending & (found.step < len(asked.steps))
    if after:
        left &= found.step == after
    hashes = lookups.user_hashes(connection, found.user[left])
    answer = [
        (hashes[user], step, _name(asked, step - 1), at)
        for user, step, at in zip(
            found.user[left].tolist(),
            found.step[left].tolist(),
            found.time[left].tolist(),
            strict=True,
        )
    ]
    answer.sort(key=lambda row: (-row[3], row[0]))
    return answer


def _bar(after_s: int, end_s: int) -> str:
    """``≤ 1 min``, ``1–5 min``, ``15 min – 1 h``."""
    size, unit = _unit(end_s)
    if not after_s:
        return f"≤ {end_s // size} {unit}"
    after_size, after_unit = _unit(after_s)
    if after_unit == unit:
        return f"{after_s // size}–{end_s // size} {unit}"
    return f"{after_s // after_size} {after_unit} – {end_s // size} {unit}"


def _unit(seconds: int) -> tuple[int, str]:
    return next(each for each in _UNITS if seconds % each[0] == 0)


def _name(asked: FunnelParameters, step: int) -> str:
    return str(step + 1) if asked.order == "any" else asked.steps[step].text


def _attempts(connection: apsw.Connection, form: Form, asked: FunnelParameters) -> _Attempts:
    """The attempts of all users, a block of them at a time."""
    as_of = asked.as_of_ns or max(
        asked.to_ns, connection.execute("SELECT coalesce(max(time), 0) FROM events").get
    )
    source = _Source(connection, form, asked, as_of)
    together = [
        bool(place and step.tier and asked.steps[place - 1].tier)
        for place, step in enumerate(asked.steps)
    ]
    blocks = []
    done, sampled = 0, _hidden(form, asked)
    # Tiers outlive the events, so there may be users with nothing else.
    for users in form.blocks() or [(0, 2**62)]:
        rows, hidden = source.rows(users)
        sampled |= hidden
        if not len(rows.user):
            continue
        found = reached(rows, together, asked.within_ns, asked.order)
        if len(found[0].row):
            blocks.append(_of_block(rows, found, done, connection, asked))
            done += len(blocks[-1].user)
    if not blocks:
        empty = np.zeros(0, np.int64)
        nothing = [(empty, empty)] * (len(asked.steps) - 1)
        return _Attempts(empty, empty, empty, empty, empty > 0, [], nothing, sampled)
    start_time = np.concatenate([each.start_time for each in blocks])
    user = np.concatenate([each.user for each in blocks])
    values = [value for each in blocks for value in each.values]
    return _Attempts(
        user,
        np.concatenate([each.step for each in blocks]),
        np.concatenate([each.time for each in blocks]),
        start_time,
        start_time + asked.within_ns > as_of,
        lookups.of_users(connection, form, asked, user) or values,
        [
            (
                np.concatenate([each.taken[step][0] for each in blocks]),
                np.concatenate([each.taken[step][1] for each in blocks]),
            )
            for step in range(len(asked.steps) - 1)
        ],
        sampled,
    )


def _of_block(
    rows: Rows,
    found: list[Reached],
    done: int,
    connection: apsw.Connection,
    asked: FunnelParameters,
) -> _Attempts:
    """The attempts of a block of users, after ``done`` others."""
    # Whoever got to a step got to those before it: the last one that has a user is theirs.
    user = rows.user[found[0].row]
    step, row, start = (np.zeros(len(user), np.int64) for _ in range(3))
    taken = []
    for number, each in enumerate(found, 1):
        places = np.searchsorted(user, rows.user[each.row])
        step[places], row[places], start[places] = number, each.row, each.start
        if number > 1:
            taken.append((places + done, rows.time[each.row] - rows.time[each.start]))
    values = lookups.of_starts(connection, asked, rows, user, start)
    return _Attempts(
        user, step, rows.time[row], rows.time[start], np.zeros(0, np.bool_), values, taken, 0
    )


def _hidden(form: Form, asked: FunnelParameters) -> int:
    """A bit for each step if an event that tells how a tier began may be missing."""
    is_told_by_event = asked.service or asked.user_tier or asked.breakdown
    may_open = asked.steps if asked.order == "any" else asked.steps[:1]
    if is_told_by_event and any(step.tier for step in may_open) and form.is_sampled:
        return (1 << len(asked.steps)) - 1
    return 0


class _Source:
    """What can be a step, of one block of users after the other."""

    def __init__(
        self, connection: apsw.Connection, form: Form, asked: FunnelParameters, as_of: int
    ) -> None:
        self._form, self._asked, self._as_of = form, asked, as_of
        series = lookups.Series(connection)
        self._bits = np.zeros(series.count, np.uint8)
        for place, step in enumerate(asked.steps):
            self._bits[series.matching([step])] |= 1 << place
        self._excluded = series.matching(asked.excluded)
        self._chosen = series.chosen(asked.service, asked.user_tier)
        is_wanted = (self._bits != 0) | self._excluded
        self._wanted = series.is_product if asked.order == "strict" else is_wanted
        self._tiers = _tiers(connection, asked, as_of)

    def rows(self, users: tuple[int, int]) -> tuple[Rows, int]:
        """In order; and a bit for each step of which events are sampled."""
        columns = self._form.select(
            ("user", "time", "series", "sampled"),
            self._wanted,
            from_ns=self._asked.from_ns,
            to_ns=self._as_of,
            users=users,
        )
        of, time = columns["series"], columns["time"]
        steps = self._bits[of]
        inside = time < self._asked.to_ns
        opens = None if self._chosen[self._wanted].all() else self._chosen[of]
        if not inside.all():
            opens = inside if opens is None else opens & inside
        excluded = self._excluded[of] if self._excluded.any() else None
        rows = Rows(columns["user"], time, steps, of, opens, excluded)
        sampled = columns["sampled"]
        hidden = int(np.bitwise_or.reduce(steps[sampled], initial=0)) if sampled.any() else 0
        if self._tiers is not None:
            rows = _joined(self._tiers, users, rows)
        return rows_in_order(rows), hidden


def _tiers(connection: apsw.Connection, asked: FunnelParameters, as_of: int) -> Rows | None:
    """Each tier that was reached, by user; ``None`` if no step is one."""
    if not any(step.tier for step in asked.steps):
        return None
    user, rank, time = lookups.tier_times(connection)
    found = [np.zeros((0, 3), np.int64)]
    for place, step in enumerate(asked.steps):
        chosen = (rank >= step.rank) if step.tier else np.zeros(len(user), np.bool_)
        begins = np.flatnonzero(np.diff(user[chosen], prepend=-1))
        if not len(begins):
            continue
        first = np.minimum.reduceat(time[chosen], begins)
        good = (first >= asked.from_ns) & (first <= as_of)
        if not place and asked.order != "any":
            # Who started in it, or had nothing higher before.
            exact = np.where(rank[chosen] == step.rank, time[chosen], _NEVER)
            good &= np.minimum.reduceat(exact, begins) == first
        people = user[chosen][begins][good]
        found.append(np.stack([people, first[good], np.full(len(people), 1 << place)], axis=1))
    rows = np.concatenate(found)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    # What is reached at one moment is one row.
    new = np.ones(len(rows), np.bool_)
    new[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    begins = np.flatnonzero(new)
    steps = np.bitwise_or.reduceat(rows[:, 2], begins) if len(rows) else rows[:, 2]
    pairs = rows[begins, :2]
    opens = (pairs[:, 1] < asked.to_ns) & lookups.tiers_chosen(connection, pairs, asked)
    series = np.full(len(pairs), -1, np.int32)
    return Rows(pairs[:, 0], pairs[:, 1], steps.astype(np.uint8), series, opens, None)


def _joined(tiers: Rows, users: tuple[int, int], rows: Rows) -> Rows:
    """``rows`` with the tiers of these users, which come first at the same instant."""
    begin, end = np.searchsorted(tiers.user, users)
    user, time = tiers.user[begin:end], tiers.time[begin:end]
    # Where each belongs: halving what is left of its user's rows.
    low = np.searchsorted(rows.user, user, side="left")
    high = np.searchsorted(rows.user, user, side="right")
    while np.any(low < high):
        middle = (low + high) // 2
        before = (low < high) & (rows.time[np.minimum(middle, len(rows.time) - 1)] < time)
        low, high = (
            np.where(before, middle + 1, low),
            np.where(before | (low >= high), high, middle),
        )
    opens = np.ones(len(rows.user), np.bool_) if rows.opens is None else rows.opens
    opened = np.ones(len(tiers.user), np.bool_) if tiers.opens is None else tiers.opens
    return Rows(
        np.insert(rows.user.astype(np.int64), low, user),
        np.insert(rows.time, low, time),
        np.insert(rows.steps, low, tiers.steps[begin:end]),
        np.insert(rows.series.astype(np.int32), low, tiers.series[begin:end]),
        np.insert(opens, low, opened[begin:end]),
        None if rows.excluded is None else np.insert(rows.excluded, low, values=False),
    )


def _medians(found: _Attempts, group: NDArray[np.int64], groups: int) -> list[list[float | None]]:
    """By step and group, the median time from the first step, by nearest rank, in ms."""
    medians: list[list[float | None]] = [[None] * groups]
    for places, durations in found.taken:
        counted = ~found.pending[places]
        taken, of = durations[counted], group[places[counted]]
        # With one group nothing else is to be sorted by.
        taken = np.sort(taken) if groups == 1 else taken[np.lexsort((taken, of))]
        sizes = np.bincount(of, minlength=groups)
        middles = np.cumsum(sizes) - sizes + (sizes + 1) // 2 - 1
        medians.append(
            [
                float(taken[middle]) / 1e6 if size else None
                for middle, size in zip(middles, sizes, strict=True)
            ]
        )
    return medians
