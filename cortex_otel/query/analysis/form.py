"""The compact form: of every product event with a user, what ordered questions need.

The form is a list of runs, oldest first, each sorted for itself; a question merges what it needs of
them. New events make a new run, and runs are merged as they grow, so that there are few and an
event is written about ten times in its life.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from cortex_otel.query.analysis.runs import COLUMNS, is_changed, packed_run, run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cortex_otel.query.analysis.runs import Ints, Run

__all__ = ["Form"]

#: A run this many times longer than the next isn't merged with it.
_MERGE_FACTOR: Final = 4
_BLOCK: Final = 2**17
_AFTER_ALL_USERS: Final = 2**62
_FIRST_NS: Final = np.int64(-(2**63))
_LAST_NS: Final = np.int64(2**63 - 1)


class Form:
    """All runs.

    Args:
        runs: oldest first.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = tuple(runs)

    @property
    def events(self) -> int:
        """How many."""
        return sum(run.events for run in self.runs)

    @property
    def octets(self) -> int:
        """Size on disk."""
        return sum(run.octets for run in self.runs)

    @property
    def is_sampled(self) -> bool:
        """Whether any event stands for others that were sampled out."""
        return any(run.packed["sampled"] for run in self.runs)

    def select(
        self,
        columns: Sequence[str],
        of_series: NDArray[np.bool_] | None = None,
        from_ns: int | None = None,
        to_ns: int | None = None,
        users: tuple[int, int] | None = None,
    ) -> dict[str, Ints]:
        """Columns of the events wanted, in the order of user, time and event.

        Args:
            columns: of :data:`COLUMNS`.
            of_series: whether a series is wanted, by its key; ``None``: all.
            from_ns: earliest time, inclusive.
            to_ns: latest time, inclusive.
            users: the first user key and the one after the last; ``None``: all.
        """
        parts = [_part(run, of_series, from_ns, to_ns, users) for run in self.runs]
        parts = [part for part in parts if part.events] or parts[:1]
        if not parts:
            return {name: np.zeros(0, np.int64) for name in columns}
        if len(parts) == 1:
            return {name: parts[0].column(name) for name in columns}
        places = _interleaved(parts)
        whole = {}
        for name in columns:
            of_parts = [part.column(name) for part in parts]
            whole[name] = np.empty(sum(map(len, of_parts)), np.result_type(*of_parts))
            for place, column in zip(places, of_parts, strict=True):
                whole[name][place] = column
        return whole

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges of user keys with a hundred thousand events or so each.

        What is computed for one of them stays in the processor's cache, and in memory that the
        process has already: both together make a funnel several times as fast.
        """
        if not self.runs:
            return []
        largest = max(self.runs, key=lambda run: run.events)
        places = np.arange(_BLOCK, largest.events, _BLOCK)
        cuts = largest.users[np.searchsorted(largest.user_ends, places) - 1]
        edges = [0, *np.unique(cuts).tolist(), _AFTER_ALL_USERS]
        return [(first, after) for first, after in pairwise(edges) if first < after]

    def with_events(self, columns: dict[str, Ints], next_key: int) -> Form:
        """This form and new events, with runs merged that have grown alike.

        Args:
            columns: of the new events, in the order of events.
            next_key: greater than every run's key.
        """
        runs = [*self.runs, run_of(next_key, columns)]
        while len(runs) > 1 and runs[-2].events < _MERGE_FACTOR * runs[-1].events:
            runs[-2:] = [Form(runs[-2:]).in_one_run(next_key := next_key + 1)]
        return Form(runs)

    def in_one_run(self, key: int) -> Run:
        """All events in a single run."""
        return packed_run(key, self.select(COLUMNS))


class _Part:
    """Events of a run.

    Args:
        run: the run.
        begin: place of the first.
        end: place after the last.
    """

    def __init__(self, run: Run, begin: int, end: int) -> None:
        self._run, self._begin, self._end = run, begin, end
        self._chosen: NDArray[np.intp] | None = None
        self._columns: dict[str, Ints] = {}

    @property
    def events(self) -> int:
        return self._end - self._begin if self._chosen is None else len(self._chosen)

    def choose(self, wanted: NDArray[np.bool_]) -> None:
        """Keep those; nothing was chosen before."""
        self._chosen = np.flatnonzero(wanted)
        self._columns = {name: each[self._chosen] for name, each in self._columns.items()}

    def column(self, name: str) -> Ints:
        if name not in self._columns:
            whole = self._run.column(name, self._begin, self._end)
            self._columns[name] = whole if self._chosen is None else whole[self._chosen]
        return self._columns[name]


def _part(
    run: Run,
    of_series: NDArray[np.bool_] | None,
    from_ns: int | None,
    to_ns: int | None,
    users: tuple[int, int] | None,
) -> _Part:
    begin, end = 0, run.events
    if users is not None:
        begin, end = run.user_ends[np.searchsorted(run.users, users)].tolist()
    part = _Part(run, begin, end)
    wanted = None if of_series is None or of_series.all() else of_series[part.column("series")]
    if from_ns is not None and from_ns > run.origin:
        inside = part.column("time") >= from_ns
        wanted = inside if wanted is None else wanted & inside
    if to_ns is not None:
        inside = part.column("time") <= to_ns
        wanted = inside if wanted is None else wanted & inside
    if wanted is not None and not wanted.all():
        part.choose(wanted)
    return part


def _interleaved(parts: Sequence[_Part]) -> list[Ints]:
    """For each event of each part, its place in the order of all.

    A user's events of a later run mostly come after those of an earlier one: so their places follow
    from how many each user has. Where they don't, the events of that while are sorted.
    """
    begins = [np.flatnonzero(is_changed(part.column("user"))) for part in parts]
    users = [part.column("user")[begin] for part, begin in zip(parts, begins, strict=True)]
    known = 1 + max(int(each[-1]) for each in users)
    counts = np.zeros((len(parts), known), np.int64)
    for place, part in enumerate(parts):
        counts[place, users[place]] = np.diff(begins[place], append=part.events)
    nexts = np.cumsum(counts.sum(axis=0)) - counts.sum(axis=0)
    latest = np.full(known, _FIRST_NS)
    mixed_from, mixed_to = np.full(known, _LAST_NS), np.full(known, _FIRST_NS)
    places, starts = [], []
    for place, part in enumerate(parts):
        of, begin, time = users[place], begins[place], part.column("time")
        first, last = time[begin], time[begin + counts[place, of] - 1]
        late = of[first < latest[of]]
        mixed_from[late] = np.minimum(mixed_from[late], first[first < latest[of]])
        mixed_to[late] = latest[late]
        latest[of] = np.maximum(latest[of], last)
        found = np.arange(part.events)
        found += np.repeat(nexts[of] - begin, counts[place, of])
        places.append(found)
        start = np.full(known, -1, np.int64)
        start[of] = begin
        starts.append(start)
        nexts += counts[place]
    for mixed in np.flatnonzero(mixed_from <= mixed_to).tolist():
        _sort_mixed(
            parts,
            places,
            [
                (int(start[mixed]), int(start[mixed] + count[mixed]))
                for start, count in zip(starts, counts, strict=True)
            ],
            (int(mixed_from[mixed]), int(mixed_to[mixed])),
        )
    return places


def _sort_mixed(
    parts: Sequence[_Part],
    places: list[Ints],
    rows: list[tuple[int, int]],
    between: tuple[int, int],
) -> None:
    """Put one user's events of a while in order, within the places that are theirs."""
    chosen = []
    for part, (begin, end) in zip(parts, rows, strict=True):
        if begin < 0:
            chosen.append((0, 0))
            continue
        time = part.column("time")[begin:end]
        first = int(np.searchsorted(time, between[0], side="left"))
        after = int(np.searchsorted(time, between[1], side="right"))
        chosen.append((begin + first, begin + after))
    time = np.concatenate(
        [part.column("time")[low:high] for part, (low, high) in zip(parts, chosen, strict=True)]
    )
    theirs = np.sort(
        np.concatenate([place[low:high] for place, (low, high) in zip(places, chosen, strict=True)])
    )
    found = np.empty(len(theirs), theirs.dtype)
    found[np.argsort(time, kind="stable")] = theirs
    done = 0
    for place, (low, high) in zip(places, chosen, strict=True):
        place[low:high] = found[done : done + high - low]
        done += high - low
