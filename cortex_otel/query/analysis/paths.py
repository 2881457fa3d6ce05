"""Paths through sessions, defined by the SQL of journeys, transitions and tools_together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cortex_otel.query.analysis import lookups
from cortex_otel.query.analysis.runs import is_changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import apsw
    from numpy.typing import NDArray

    from cortex_otel.query.analysis.form import Form
    from cortex_otel.query.analysis.runs import Ints

__all__ = ["journeys", "tools_together", "transitions"]

_IDLE_NS: Final = 1800 * 10**9
_START, _END, _OTHER = "(start)", "(end)", "(other)"
_TOOL_CALL: Final = "mcp.tool_call"
_TOOLS: Final = 10
_KEY_BITS: Final = 63
#: Of one product of matrices: for a larger one OpenBLAS wakes a thread a core, which costs more
#: than it saves, and takes the cores from others.
_FLOPS: Final = 200_000

_Answer = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of the sessions of a block of users, one session after the other."""

    node: NDArray[np.int32]
    user: Ints
    session: NDArray[np.int32]
    """Its number, from 0; of every step."""
    begins: NDArray[np.intp]
    """The first step of each session."""


class _Source:
    """Steps, a block of users at a time."""

    def __init__(self, connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> None:
        series = lookups.Series(connection)
        self.names, self.event_types, self._node_of = series.nodes()
        self.sampled = 0
        """1 as soon as an event was sampled."""
        self._form, self._values = form, values
        self._wanted = series.is_noticed & series.chosen(values["service"], values["user_tier"])

    def __iter__(self) -> Iterator[_Steps]:
        for users in self._form.blocks():
            columns = self._form.select(
                ("user", "time", "series", "session", "sampled"),
                self._wanted,
                from_ns=self._values["from_ns"],
                to_ns=self._values["to_ns"] - 1,
                users=users,
            )
            if len(columns["user"]):
                self.sampled |= int(columns["sampled"].any())
                yield self._steps(columns)

    def matching(self, test: Callable[[str, str], bool]) -> NDArray[np.bool_]:
        """Whether a node, by its name and event type, is one."""
        found = [test(*each) for each in zip(self.names, self.event_types, strict=True)]
        return np.array(found, np.bool_)

    def _steps(self, columns: Mapping[str, Ints]) -> _Steps:
        user, time = columns["user"], columns["time"]
        node = self._node_of[columns["series"]]
        is_new, order = _sessions(user, columns["session"])
        if order is not None:
            # A session's events are of one user, and so the users stay as they are.
            time, node = time[order], node[order]
        is_new[1:] |= time[1:] - time[:-1] > _IDLE_NS
        is_step = is_new.copy()
        is_step[1:] |= node[1:] != node[:-1]
        places = np.flatnonzero(is_step)
        is_new = is_new[places]
        number = np.cumsum(is_new, dtype=np.int32)
        number -= 1
        return _Steps(node[places], user[places], number, np.flatnonzero(is_new))


def journeys(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``journeys.sql``."""
    source = _Source(connection, form, values)
    depth, to_end = values["depth"], values["direction"] == "end"
    anchor = values["anchor"]
    is_anchor = source.matching(lambda name, event_type: anchor in (name, event_type))
    nodes = len(source.names)
    counts = np.zeros((depth + 1) * nodes, np.int64)
    blocks = []
    for steps in source:
        number, inside = _near(steps, is_anchor if anchor else None, depth, to_end=to_end)
        node = steps.node[inside]
        counts += np.bincount(number * nodes + node, minlength=len(counts))
        blocks.append((number, steps.user[inside], node))
    if not blocks:
        return []
    is_named = _named(source.names, counts.reshape(-1, nodes), values["top"])
    # Past the nodes: what is other, and the start or the end.
    edge = nodes + 1
    links, people = Counter[int](), Counter[int]()
    for number, user, node in blocks:
        named = np.where(is_named[number, node], node, nodes).astype(np.int64)
        place, before, after, of = _links(number, user, named, edge, depth, to_end=to_end)
        # In a session there is one link a step: each row is a session of its own.
        for code, count, users in _flows(
            (place * (edge + 1) + before) * (edge + 1) + after, None, of
        ):
            links[code] += count
            people[code] += users
    names = [*source.names, _OTHER, _START if to_end else _END]
    answer = []
    for code, count in links.items():
        at, link = divmod(code, (edge + 1) ** 2)
        one, other = divmod(link, edge + 1)
        answer.append((at, names[one], names[other], count, people[code]))
    answer.sort(key=lambda row: (row[0], -row[3], row[1], row[2]))
    return [
        (at, f"{at}:{one}", f"{at + 1}:{other}", sessions, users, source.sampled)
        for at, one, other, sessions, users in answer
    ]


def transitions(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``transitions.sql``."""
    source = _Source(connection, form, values)
    end = len(source.names)
    links, people = Counter[int](), Counter[int]()
    sessions = np.zeros(end + 1, np.int64)
    for steps in source:
        target = np.append(steps.node[1:], np.int32(end))
        target[steps.begins[1:] - 1] = end
        link = steps.node * _wide_enough((end + 1) ** 2)(end + 1) + target
        for code, count, users in _flows(link, steps.session, steps.user):
            links[code] += count
            people[code] += users
        for code, count, _ in _flows(steps.node, steps.session, steps.user):
            sessions[code] += count
    names = [*source.names, _END]
    answer: _Answer = []
    for code, count in links.items():
        before, after = divmod(code, end + 1)
        share = count / int(sessions[before])
        answer.append((names[before], names[after], count, people[code], share, source.sampled))
    answer.sort(key=lambda row: (-row[2], row[0], row[1]))
    return answer


def tools_together(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``tools_together.sql``."""
    source = _Source(connection, form, values)
    tools = source.matching(lambda name, of: of == _TOOL_CALL and name != of)
    nodes = np.flatnonzero(tools)
    known = len(nodes)
    place = np.full(len(tools), -1, np.int32)
    place[nodes] = np.arange(known)
    both, every = np.zeros((known, known), np.int64), 0
    piece = max(1, _FLOPS // max(1, known**2))
    for steps in source:
        called = np.flatnonzero(tools[steps.node])
        is_new = is_changed(steps.session[called])
        cell: Ints = np.cumsum(is_new, dtype=_wide_enough(len(called) * known))
        sessions = int(cell[-1]) if len(cell) else 0
        cell -= 1
        cell *= known
        cell += place[steps.node[called]]
        # As a product of matrices: which tools were called in the same sessions.
        table = np.zeros((-(-sessions // piece), piece, known), np.float32)
        table.reshape(-1)[cell] = 1
        both += np.matmul(table.transpose(0, 2, 1), table).sum(axis=0, dtype=np.int64)
        every += sessions
    names = [source.names[node].removeprefix(f"{_TOOL_CALL}:") for node in nodes]
    of = np.diag(both).tolist()
    called_tools = [each for each in range(known) if of[each]]
    top = sorted(called_tools, key=lambda each: (-of[each], names[each]))[:_TOOLS]
    return [
        (names[one], names[other], count, count * every / (of[one] * of[other]))
        for one in top
        for other in top
        if one != other and (count := int(both[one, other]))
    ]


def _sessions(user: Ints, session: Ints) -> tuple[NDArray[np.bool_], NDArray[np.intp] | None]:
    """Where sessions begin, and the order that keeps each together; ``None`` if they are so."""
    is_new = np.ones(len(user), np.bool_)
    is_new[1:] = (session[1:] != session[:-1]) | (user[1:] != user[:-1])
    begins = np.flatnonzero(is_new)
    of_user, of_session = user[begins].astype(np.int64), session[begins].astype(np.int64)
    bits = int(of_session.max()).bit_length()
    if bits + int(of_user.max()).bit_length() < _KEY_BITS:
        # One number to compare by; its sort finds what is in order already.
        both = (of_user << bits) | of_session
        if np.all(both[1:] > both[:-1]):
            return is_new, None
        order = np.argsort(both, kind="stable")
    else:
        order = np.lexsort((of_session, of_user))
    of_user, of_session = of_user[order], of_session[order]
    again = np.zeros(len(order), np.bool_)
    again[1:] = (of_session[1:] == of_session[:-1]) & (of_user[1:] == of_user[:-1])
    if not again.any():
        return is_new, None
    lengths = np.diff(begins, append=len(user))[order]
    starts = np.cumsum(lengths) - lengths
    is_new = np.zeros(len(user), np.bool_)
    is_new[starts[~again]] = True
    return is_new, np.arange(len(user)) + np.repeat(begins[order] - starts, lengths)


def _near(
    steps: _Steps, is_anchor: NDArray[np.bool_] | None, depth: int, *, to_end: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers and places of the steps of the paths from, or to, their sessions' anchors."""
    anchors = _anchors(steps, is_anchor, to_end=to_end)
    if to_end:
        low = np.maximum(anchors - (depth - 1), steps.begins)
        lengths = anchors + 1 - low
        first = depth - (lengths - 1)
    else:
        low = anchors
        lengths = np.minimum(anchors + depth, np.append(steps.begins[1:], len(steps.node))) - low
        first = np.ones(len(low), np.int64)
    lengths = np.where(anchors < 0, 0, lengths)
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return within + np.repeat(first, lengths), within + np.repeat(low, lengths)


def _anchors(
    steps: _Steps, is_anchor: NDArray[np.bool_] | None, *, to_end: bool
) -> NDArray[np.int64]:
    """The step where each session's path begins or ends; -1 for none."""
    begins = steps.begins
    if is_anchor is None:
        return np.append(begins[1:], len(steps.node)) - 1 if to_end else begins
    places = np.flatnonzero(is_anchor[steps.node])
    found = np.full(len(begins), -1, np.int64)
    # The last one that is written stays.
    places = places if to_end else places[::-1]
    found[steps.session[places]] = places
    return found


def _named(names: list[str], counts: NDArray[np.int64], top: int) -> NDArray[np.bool_]:
    """By step and node: whether it is one of the most frequent there."""
    is_named = np.zeros(counts.shape, np.bool_)
    for step, of_step in enumerate(counts):
        there = np.flatnonzero(of_step).tolist()
        there = [each for _, _, each in sorted((-of_step[n], names[n], n) for n in there)]
        is_named[step, there[:top]] = True
    return is_named


def _links(
    number: NDArray[np.int64],
    user: Ints,
    node: NDArray[np.int64],
    edge: int,
    depth: int,
    *,
    to_end: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Ints]:
    """Steps, nodes before and after, and users of the links; ``edge`` is the start or the end."""
    follows = np.zeros(len(node), np.bool_)
    # Another session begins again, or, as paths end together, with no greater number.
    follows[:-1] = number[1:] > number[:-1]
    following = np.append(node[1:], edge)[: len(node)]
    if to_end:
        began = np.append(True, ~follows[:-1])[: len(node)] & (number > 1)
        return (
            np.append(number[follows], number[began] - 1),
            np.append(node[follows], np.full(np.count_nonzero(began), edge)),
            np.append(following[follows], node[began]),
            np.append(user[follows], user[began]),
        )
    inside = number < depth
    after = np.where(follows, following, edge)[inside]
    return number[inside], node[inside], after, user[inside]


def _flows(
    code: NDArray[Any], session: NDArray[np.int32] | None, user: Ints
) -> list[tuple[int, int, int]]:
    """Of each code, in how many sessions there is one, and of how many users.

    Args:
        code: of each row.
        session: of each row; those of one stand together. ``None``: each row is another's.
        user: of each row; those of one stand together.
    """
    if not len(code):
        return []
    # Numbers of 8 and 16 bits are sorted by their digits: several times as fast.
    largest = int(code.max())
    small = next((each for each in (np.uint8, np.uint16) if largest <= np.iinfo(each).max), None)
    code = code if small is None else code.astype(small)
    order = np.argsort(code, kind="stable")
    code = code[order]
    is_other = code[1:] != code[:-1]
    begins = np.append(0, np.flatnonzero(is_other) + 1)
    users = _distinct(user[order], is_other, begins)
    sessions = (
        np.diff(begins, append=len(code))
        if session is None
        else _distinct(session[order], is_other, begins)
    )
    return list(zip(code[begins].tolist(), sessions.tolist(), users.tolist(), strict=True))


def _wide_enough(values: int) -> type[np.int32 | np.int64]:
    """The narrower integers that hold so many values."""
    return np.int32 if values <= np.iinfo(np.int32).max else np.int64


def _distinct(of: Ints, is_other: NDArray[np.bool_], begins: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many different ones there are in each group, where equal ones stand together."""
    is_new = is_changed(of)
    is_new[1:] |= is_other
    return np.add.reduceat(is_new, begins, dtype=np.int64)
