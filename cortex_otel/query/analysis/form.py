"""The compact form: of every product event with a user, what ordered questions need.

Columns of numpy, in the order of user, time and event; 9 to 11 bytes an event on disk:

========= ========================================================================================
time      ns after the first of its run: 4, 2 and, beyond 78 hours, 1 or 2 bytes an event
series    2 bytes an event, 4 if there are more than 65,536
user      once for its events of a run, which stand together
session   once for neighbours of the same: nearly once a session
sampled   one bit an event, if any
========= ========================================================================================

The form is a list of runs, oldest first, each sorted for itself; a question merges what it needs of
them. New events make a new run, and runs are merged as they grow, so that there are few and an
event is written about ten times in its life.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["COLUMNS", "Form", "Ints", "Run", "in_order", "run_of"]

Ints = Any  # NDArray of integers of any width: numpy's own promotions decide
COLUMNS: Final = ("user", "time", "series", "session", "sampled")

_COMPOSITE_BITS: Final = 62
_UNSIGNED: Final = (np.uint8, np.uint16, np.uint32, np.uint64)
#: A run this many times longer than the next isn't merged with it.
_MERGE_FACTOR: Final = 4
_SIXTEEN_BITS: Final = 0xFFFF


@dataclass(frozen=True)
class Run:
    """Events in the order of user, time and event, packed.

    Args:
        key: its number; later runs have greater ones.
        events: how many.
        origin: the earliest time, in ns.
        read: the blobs by name; called once, when they are needed.
    """

    key: int
    events: int
    origin: int
    read: Callable[[], dict[str, bytes]]

    @cached_property
    def packed(self) -> dict[str, bytes]:
        """The blobs by name."""
        return self.read()

    @cached_property
    def user(self) -> NDArray[np.int32]:
        """User keys."""
        return self._repeated("users", "user_lengths")

    @cached_property
    def session(self) -> NDArray[np.int32]:
        """Session keys."""
        return self._repeated("sessions", "session_lengths")

    @cached_property
    def time(self) -> NDArray[np.int64]:
        """Unix ns."""
        time = self._unpacked("time_low").astype(np.int64)
        for name, bits in (("time_middle", 32), ("time_high", 48)):
            if self.packed[name]:
                time |= self._unpacked(name).astype(np.int64) << bits
        return np.asarray(time + self.origin, np.int64)

    @cached_property
    def series(self) -> Ints:
        """Series keys."""
        return self._unpacked("series")

    @cached_property
    def sampled(self) -> NDArray[np.bool_]:
        """Whether it stands for others that were sampled out."""
        if not self.packed["sampled"]:
            return np.zeros(self.events, np.bool_)
        bits = np.frombuffer(self.packed["sampled"], np.uint8)
        return np.unpackbits(bits, count=self.events).astype(np.bool_)

    @cached_property
    def end(self) -> int:
        """The latest time, in ns."""
        return int(self.time.max())

    @property
    def octets(self) -> int:
        """Its size on disk."""
        return sum(map(len, self.packed.values()))

    def _unpacked(self, name: str) -> Ints:
        blob = self.packed[name]
        if not blob:
            return np.zeros(0, np.uint8)
        width = len(blob) // self.events
        return np.frombuffer(blob, f"<u{width}")

    def _repeated(self, values: str, lengths: str) -> NDArray[np.int32]:
        # The width of each is in the blob's first byte: their number isn't known otherwise.
        return np.repeat(
            _widened(self.packed[values]).astype(np.int32), _widened(self.packed[lengths])
        )


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

    def select(
        self,
        columns: Sequence[str],
        of_series: NDArray[np.bool_] | None = None,
        from_ns: int | None = None,
        to_ns: int | None = None,
    ) -> dict[str, Ints]:
        """Columns of the events wanted, in the order of user, time and event.

        Args:
            columns: of :data:`COLUMNS`.
            of_series: whether a series is wanted, by its key; ``None``: all.
            from_ns: earliest time, inclusive.
            to_ns: latest time, inclusive.
        """
        parts = [_part(run, of_series, from_ns, to_ns) for run in self.runs]
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

    def with_events(self, columns: dict[str, Ints], next_key: int) -> Form:
        """This form and new events, with runs merged that have grown alike.

        Args:
            columns: of the new events, in the order of events.
            next_key: greater than every run's key.
        """
        runs = [*self.runs, run_of(next_key, columns)]
        while len(runs) > 1 and runs[-2].events < _MERGE_FACTOR * runs[-1].events:
            merged = Form(runs[-2:]).select(COLUMNS)
            next_key += 1
            runs[-2:] = [_packed(next_key, merged)]
        return Form(runs)


def in_order(user: Ints, time: Ints) -> NDArray[np.intp]:
    """The permutation that sorts by user and time; what is equal stays in its order."""
    if not len(user):
        return np.zeros(0, np.intp)
    origin = int(time.min())
    time_bits = (int(time.max()) - origin).bit_length()
    shift = max(0, int(user.max()).bit_length() + time_bits - _COMPOSITE_BITS)
    # One number to compare by, and its sort finds runs that are sorted already.
    composite = user.astype(np.int64) << (time_bits - shift)
    composite |= (time - origin) >> shift
    order = np.argsort(composite, kind="stable")
    if shift:
        # Times that the number doesn't tell apart.
        composite, time = composite[order], time[order]
        same = composite[1:] == composite[:-1]
        if np.any(same & (time[1:] < time[:-1])):
            alike = np.flatnonzero(np.append(same, False) | np.append(False, same))
            within = np.lexsort((alike, time[alike], composite[alike]))
            order[alike] = order[alike][within]
    return order


def run_of(key: int, columns: dict[str, Ints]) -> Run:
    """A run of new events, which come in the order of events."""
    order = in_order(columns["user"], columns["time"])
    return _packed(key, {name: columns[name][order] for name in COLUMNS})


def _packed(key: int, columns: dict[str, Ints]) -> Run:
    """A run of sorted columns."""
    user, time, session = columns["user"], columns["time"], columns["session"]
    origin = int(time.min())
    after = (time - origin).astype(np.uint64)
    high = after >> np.uint64(48)
    middle = after >> np.uint64(32) & np.uint64(_SIXTEEN_BITS)
    users = np.flatnonzero(np.append(True, user[1:] != user[:-1]))
    sessions = np.flatnonzero(
        np.append(True, (session[1:] != session[:-1]) | (user[1:] != user[:-1]))
    )
    sampled = columns["sampled"].astype(np.bool_)
    end = len(user)
    packed = {
        "time_low": (after & np.uint64(0xFFFFFFFF)).astype("<u4").tobytes(),
        "time_middle": middle.astype("<u2").tobytes() if after.max() >> np.uint64(32) else b"",
        "time_high": _narrow(high) if high.max() else b"",
        "series": columns["series"]
        .astype("<u4" if int(columns["series"].max()) > _SIXTEEN_BITS else "<u2")
        .tobytes(),
        "users": _wide(user[users]),
        "user_lengths": _wide(np.diff(users, append=end)),
        "sessions": _wide(session[sessions]),
        "session_lengths": _wide(np.diff(sessions, append=end)),
        "sampled": np.packbits(sampled).tobytes() if sampled.any() else b"",
    }
    return Run(key, end, origin, lambda: packed)


@dataclass(frozen=True)
class _Part:
    """Events of a run."""

    run: Run
    chosen: NDArray[np.intp] | None
    """Their places; ``None``: all."""

    @property
    def events(self) -> int:
        return self.run.events if self.chosen is None else len(self.chosen)

    def column(self, name: str) -> Ints:
        whole = getattr(self.run, name)
        return whole if self.chosen is None else whole[self.chosen]


def _part(
    run: Run, of_series: NDArray[np.bool_] | None, from_ns: int | None, to_ns: int | None
) -> _Part:
    wanted = None if of_series is None or of_series.all() else of_series[run.series]
    for moment, compare in ((from_ns, np.greater_equal), (to_ns, np.less_equal)):
        # A range that holds all needs no comparing.
        if moment is None or bool(compare(run.origin if moment == from_ns else run.end, moment)):
            continue
        inside = compare(run.time, moment)
        wanted = inside if wanted is None else wanted & inside
    return _Part(run, None if wanted is None else np.flatnonzero(wanted))


def _interleaved(parts: Sequence[_Part]) -> list[Ints]:
    """For each event of each part, its place in the order of all.

    A user's events of a later run mostly come after those of an earlier one: so their places follow
    from how many each user has. Users for whom that isn't so are sorted.
    """
    begins = []
    for part in parts:
        user = part.column("user")
        begins.append(np.flatnonzero(np.append(True, user[1:] != user[:-1])))
    users = [part.column("user")[begin] for part, begin in zip(parts, begins, strict=True)]
    known = 1 + max(int(each[-1]) for each in users)
    counts = np.zeros((len(parts), known), np.int64)
    for place, part in enumerate(parts):
        counts[place, users[place]] = np.diff(begins[place], append=part.events)
    ends = np.cumsum(counts.sum(axis=0))
    nexts = ends - counts.sum(axis=0)
    latest = np.full(known, np.iinfo(np.int64).min)
    mixed = np.zeros(known, np.bool_)
    places = []
    for place, part in enumerate(parts):
        of, begin, time = users[place], begins[place], part.column("time")
        mixed[of] |= time[begin] < latest[of]
        latest[of] = np.maximum(latest[of], time[begin + counts[place, of] - 1])
        places.append(np.arange(part.events) + np.repeat(nexts[of] - begin, counts[place, of]))
        nexts += counts[place]
    if mixed.any():
        _sort_mixed(parts, places, mixed)
    return places


def _sort_mixed(parts: Sequence[_Part], places: list[Ints], mixed: NDArray[np.bool_]) -> None:
    """Put the events of the ``mixed`` users in order, within the places that are theirs."""
    chosen = [np.flatnonzero(mixed[part.column("user")]) for part in parts]
    user = np.concatenate([p.column("user")[of] for p, of in zip(parts, chosen, strict=True)])
    time = np.concatenate([p.column("time")[of] for p, of in zip(parts, chosen, strict=True)])
    theirs = np.sort(np.concatenate([p[of] for p, of in zip(places, chosen, strict=True)]))
    sorted_places = np.empty(len(theirs), theirs.dtype)
    sorted_places[in_order(user, time)] = theirs
    start = 0
    for place, of in zip(places, chosen, strict=True):
        place[of] = sorted_places[start : start + len(of)]
        start += len(of)


def _narrow(values: Ints) -> bytes:
    """In the narrowest unsigned integers that hold them all."""
    largest = int(values.max())
    kind = next(each for each in _UNSIGNED if largest <= np.iinfo(each).max)
    return bytes(values.astype(np.dtype(kind).newbyteorder("<")).tobytes())


def _wide(values: Ints) -> bytes:
    """The same, with their width in the first byte."""
    blob = _narrow(values)
    return bytes([len(blob) // len(values)]) + blob


def _widened(blob: bytes) -> Ints:
    return np.frombuffer(blob, f"<u{blob[0]}", offset=1)
