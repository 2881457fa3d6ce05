"""Paths through sessions, defined by the SQL of journeys, transitions and tools_together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cortex_otel.query.analysis import lookups

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

_Answer = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of the sessions of a block of users, one session after the other."""

    node: NDArray[np.int32]
    user: Ints
    session: NDArray[np.int64]
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
        user, time, session = columns["user"], columns["time"], columns["session"]
        node = self._node_of[columns["series"]]
        order = _by_session(user, session)
        if order is not None:
            user, time, session, node = user[order], time[order], session[order], node[order]
        is_new = np.ones(len(user), np.bool_)
        is_new[1:] = (session[1:] != session[:-1]) | (user[1:] != user[:-1])
        is_new[1:] |= time[1:] - time[:-1] > _IDLE_NS
        is_step = is_new.copy()
        is_step[1:] |= node[1:] != node[:-1]
        places = np.flatnonzero(is_step)
        is_new = is_new[places]
        return _Steps(node[places], user[places], np.cumsum(is_new) - 1, np.flatnonzero(is_new))


def journeys(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``journeys.sql``."""
    source = _Source(connection, form, values)
    depth, to_end = values["depth"], values["direction"] == "end"
    anchor = values["anchor"]
    is_anchor = source.matching(lambda name, event_type: anchor in (name, event_type))
    blocks, done = [], 0
    for steps in source:
        anchors = _anchors(steps, is_anchor if anchor else None, to_end=to_end)[steps.session]
        number = np.arange(len(steps.node)) - anchors + (depth if to_end else 1)
        inside = np.flatnonzero((anchors >= 0) & (number >= 1) & (number <= depth))
        blocks.append(
            (number[inside], steps.session[inside] + done, steps.user[inside], steps.node[inside])
        )
        done += len(steps.begins)
    if not blocks:
        return []
    number, session, user, node = (np.concatenate(each) for each in zip(*blocks, strict=True))
    # Past the nodes: what is other, and the start or the end.
    edge = len(source.names) + 1
    node = _named(source.names, node, number, depth, values["top"])
    follows = np.zeros(len(node), np.bool_)
    follows[:-1] = session[1:] == session[:-1]
    following = np.append(node[1:], edge)[: len(node)]
    if to_end:
        links = follows
        began = np.append(True, ~follows[:-1])[: len(node)] & (number > 1)
        place = np.append(number[links], number[began] - 1)
        before = np.append(node[links], np.full(np.count_nonzero(began), edge))
        after = np.append(following[links], node[began])
        of_user = np.append(user[links], user[began])
    else:
        links = number < depth
        place, before, of_user = number[links], node[links], user[links]
        after = np.where(follows, following, edge)[links]
    names = [*source.names, _OTHER, _START if to_end else _END]
    flows = _flows((place * (edge + 1) + before) * (edge + 1) + after, of_user)
    answer = []
    for code, sessions, users in flows:
        at, link = divmod(code, (edge + 1) ** 2)
        one, other = divmod(link, edge + 1)
        answer.append((at, names[one], names[other], sessions, users))
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
        target = np.append(steps.node[1:], end).astype(np.int64)
        target[np.append(steps.begins[1:], len(steps.node)) - 1] = end
        link = steps.node * np.int64(end + 1) + target
        once, of_session = _once(steps.session, link, (end + 1) ** 2)
        nodes, _ = _once(steps.session, steps.node.astype(np.int64), end + 1)
        sessions += np.bincount(nodes, minlength=end + 1)
        for code, count, users in _flows(once, steps.user[steps.begins][of_session]):
            links[code] += count
            people[code] += users
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
    place = np.full(len(tools), -1)
    place[nodes] = np.arange(len(nodes))
    both, every = np.zeros((len(nodes), len(nodes)), np.int64), 0
    for steps in source:
        called = np.flatnonzero(tools[steps.node])
        session = np.cumsum(np.diff(steps.session[called], prepend=-1) != 0) - 1
        # As a product of matrices: which tools were called in the same sessions.
        table = np.zeros((int(session.max(initial=-1)) + 1, len(nodes)), np.float32)
        table[session, place[steps.node[called]]] = 1
        both += np.rint(table.T @ table).astype(np.int64)
        every += len(table)
    names = [source.names[node].removeprefix(f"{_TOOL_CALL}:") for node in nodes]
    sessions = np.diag(both).tolist()
    known = [each for each in range(len(nodes)) if sessions[each]]
    top = sorted(known, key=lambda each: (-sessions[each], names[each]))[:_TOOLS]
    return [
        (names[one], names[other], count, count * every / (sessions[one] * sessions[other]))
        for one in top
        for other in top
        if one != other and (count := int(both[one, other]))
    ]


def _by_session(user: Ints, session: Ints) -> NDArray[np.intp] | None:
    """The order that keeps a session together; ``None`` if none is interrupted by another."""
    change = np.ones(len(user), np.bool_)
    change[1:] = (session[1:] != session[:-1]) | (user[1:] != user[:-1])
    begins = np.flatnonzero(change)
    of_user, of_session = user[begins], session[begins]
    order = np.lexsort((of_session, of_user))
    again = (of_session[order][1:] == of_session[order][:-1]) & (
        of_user[order][1:] == of_user[order][:-1]
    )
    if not again.any():
        return None
    lengths = np.diff(begins, append=len(user))[order]
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(len(user)) + np.repeat(begins[order] - (ends - lengths), lengths))


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


def _named(
    names: list[str], node: NDArray[np.int32], number: NDArray[np.int64], depth: int, top: int
) -> NDArray[np.int64]:
    """``node`` where it is one of the most frequent at its step; else one past all nodes."""
    nodes = len(names)
    counts = np.bincount(number * nodes + node, minlength=(depth + 1) * nodes).reshape(-1, nodes)
    is_named = np.zeros(counts.shape, np.bool_)
    for step in range(1, depth + 1):
        there = np.flatnonzero(counts[step]).tolist()
        there = [each for _, _, each in sorted((-counts[step, n], names[n], n) for n in there)]
        is_named[step, there[:top]] = True
    return np.where(is_named[number, node], node, nodes).astype(np.int64)


def _once(
    session: NDArray[np.int64], value: NDArray[np.int64], values: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each value once a session: values and sessions."""
    # Nearly sorted already, by session: quicker than to look for what is unique.
    codes = np.sort(session * values + value, kind="stable")
    if len(codes):
        codes = codes[np.append(True, codes[1:] != codes[:-1])]
    return codes % values, codes // values


def _flows(code: NDArray[np.int64], user: Ints) -> list[tuple[int, int, int]]:
    """Of each code, how often there is one and of how many users, who stand together."""
    if not len(code):
        return []
    # Numbers of 16 bits are sorted by their digits: several times as fast.
    is_small = int(code.max()) <= np.iinfo(np.uint16).max
    order = np.argsort(code.astype(np.uint16) if is_small else code, kind="stable")
    code, user = code[order], user[order]
    begins = np.flatnonzero(np.append(True, code[1:] != code[:-1]))
    is_new = np.ones(len(code), np.bool_)
    is_new[1:] = (user[1:] != user[:-1]) | (code[1:] != code[:-1])
    users = np.add.reduceat(is_new, begins, dtype=np.int64)
    sessions = np.diff(begins, append=len(code))
    return list(zip(code[begins].tolist(), sessions.tolist(), users.tolist(), strict=True))
