"""A run of the compact form: events in the order of user, time and event, as packed columns.

They take 9 to 11 bytes an event on disk:

========= ========================================================================================
time      ns after the first of its run: 4, 2 and, beyond 78 hours, 1 or 2 bytes an event
series    2 bytes an event, 4 if there are more than 65,536
user      once for its events of a run, which stand together
session   once for neighbours of the same: nearly once a session
sampled   one bit an event, if any
========= ========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["COLUMNS", "Ints", "Run", "in_order", "is_changed", "packed_run", "run_of"]

Ints = Any  # NDArray of integers of any width: numpy's own promotions decide
COLUMNS: Final = ("user", "time", "series", "session", "sampled")

_COMPOSITE_BITS: Final = 62
_UNSIGNED: Final = (np.uint8, np.uint16, np.uint32, np.uint64)
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
    def users(self) -> Ints:
        """The keys of its users, in order."""
        return _widened(self.packed["users"])

    @cached_property
    def user_ends(self) -> NDArray[np.int64]:
        """Where the events of each of them begin; and where the last one's end."""
        return _edges(self.packed["user_lengths"])

    @cached_property
    def _session_ends(self) -> NDArray[np.int64]:
        return _edges(self.packed["session_lengths"])

    def column(self, name: str, begin: int, end: int) -> Ints:
        """A column of the events from ``begin`` to ``end``, unpacked.

        Args:
            name: ``user``, ``time`` (Unix ns), ``series``, ``session``, or ``sampled``: whether it
                stands for others that were sampled out.
            begin: place of the first.
            end: place after the last.
        """
        match name:
            case "user":
                return _repeated(self.users, self.user_ends, begin, end)
            case "session":
                sessions = _widened(self.packed["sessions"])
                return _repeated(sessions, self._session_ends, begin, end)
            case "time":
                return self._time(begin, end)
            case "sampled":
                return self._sampled(begin, end)
        return self._unpacked(name, begin, end)

    @property
    def octets(self) -> int:
        """Its size on disk."""
        return sum(map(len, self.packed.values()))

    def _time(self, begin: int, end: int) -> NDArray[np.int64]:
        time = self._unpacked("time_low", begin, end).astype(np.int64)
        for name, bits in (("time_middle", 32), ("time_high", 48)):
            if self.packed[name]:
                digits = self._unpacked(name, begin, end).astype(np.int64)
                digits <<= bits
                time |= digits
        time += self.origin
        return np.asarray(time, np.int64)

    def _sampled(self, begin: int, end: int) -> NDArray[np.bool_]:
        if not self.packed["sampled"]:
            return np.zeros(end - begin, np.bool_)
        first = begin // 8
        bits = np.frombuffer(self.packed["sampled"], np.uint8)[first : (end + 7) // 8]
        sampled = np.unpackbits(bits)[begin - first * 8 : end - first * 8]
        return np.asarray(sampled.astype(np.bool_))

    def _unpacked(self, name: str, begin: int, end: int) -> Ints:
        blob = self.packed[name]
        return np.frombuffer(blob, f"<u{len(blob) // self.events}")[begin:end]


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
    return packed_run(key, {name: columns[name][order] for name in COLUMNS})


def packed_run(key: int, columns: dict[str, Ints]) -> Run:
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


def is_changed(values: Ints) -> NDArray[np.bool_]:
    """Whether each value is another than the one before; the first is."""
    found = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


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


def _edges(blob: bytes) -> NDArray[np.int64]:
    return np.asarray(np.append(0, np.cumsum(_widened(blob), dtype=np.int64)))


def _repeated(values: Ints, edges: NDArray[np.int64], begin: int, end: int) -> Ints:
    """Each value for its events, of those from ``begin`` to ``end``."""
    first = int(np.searchsorted(edges, begin, side="right")) - 1
    after = int(np.searchsorted(edges, end, side="left"))
    inside = np.clip(edges[first : after + 1], begin, end)
    lengths = inside[1:] - inside[:-1]
    return np.repeat(values[first:after].astype(np.int32), lengths)
