"""Paths through sessions, defined by the SQL of journeys, transitions and tools_together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cortex_otel.query.analysis import lookups

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw
    from numpy.typing import NDArray

    from cortex_otel.query.analysis.form import Form, Ints

__all__ = ["journeys", "tools_together", "transitions"]

_IDLE_NS: Final = 1800 * 10**9
_START, _END, _OTHER = "(start)", "(end)", "(other)"
_TOOL_CALL: Final = "mcp.tool_call"
_TOOLS: Final = 10

_Answer = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps of all sessions, one session after the other, in the order of time."""

    names: list[str]
    """Of the nodes."""
    event_types: list[str]
    node: NDArray[np.int32]
    user: Ints
    session: NDArray[np.int64]
    """Its number, from 0; of every step."""
    begins: NDArray[np.intp]
    """The first step of each session."""
    sampled: int


def journeys(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``journeys.sql``."""
    steps = _steps(connection, form, values)
    depth, top, to_end = values["depth"], values["top"], values["direction"] == "end"
    anchor = _anchors(steps, values["anchor"], to_end=to_end)
    number = np.arange(len(steps.node)) - anchor[steps.session] + (depth if to_end else 1)
    inside = np.flatnonzero((anchor[steps.session] >= 0) & (number >= 1) & (number <= depth))
    number, session, user = number[inside], steps.session[inside], steps.user[inside]
    # Past the nodes: what is other, and the start or the end.
    edge = len(steps.names) + 1
    node = _named(steps, steps.node[inside], number, depth, top)
    follows = np.zeros(len(inside), np.bool_)
    follows[:-1] = session[1:] == session[:-1]
    first = np.append(True, ~follows[:-1]) if len(inside) else follows
    following = np.append(node[1:], edge)[: len(node)]
    if to_end:
        links = follows
        began = first & (number > 1)
        place = np.append(number[links], number[began] - 1)
        source = np.append(node[links], np.full(np.count_nonzero(began), edge))
        target = np.append(following[links], node[began])
        of_user = np.append(user[links], user[began])
    else:
        links = number < depth
        place, source, of_user = number[links], node[links], user[links]
        target = np.where(follows, following, edge)[links]
    names = [*steps.names, _OTHER, _START if to_end else _END]
    rows = _flows((place * (edge + 1) + source) * (edge + 1) + target, of_user)
    answer = []
    for code, sessions, users in rows:
        at, link = divmod(code, (edge + 1) ** 2)
        before, after = (names[each] for each in divmod(link, edge + 1))
        answer.append((at, before, after, sessions, users))
    answer.sort(key=lambda row: (row[0], -row[3], row[1], row[2]))
    return [
        (at, f"{at}:{before}", f"{at + 1}:{after}", sessions, users, steps.sampled)
        for at, before, after, sessions, users in answer
    ]


def transitions(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``transitions.sql``."""
    steps = _steps(connection, form, values)
    end = len(steps.names)
    target = np.append(steps.node[1:], end).astype(np.int64)[: len(steps.node)]
    last = np.append(steps.begins[1:], len(steps.node)) - 1 if len(steps.begins) else steps.begins
    target[last] = end
    link = steps.node * np.int64(end + 1) + target
    once, of_session = _once(steps.session, link, (end + 1) ** 2)
    sources, _ = _once(steps.session, steps.node.astype(np.int64), end + 1)
    sessions = np.bincount(sources, minlength=end + 1)
    names = [*steps.names, _END]
    users = steps.user[steps.begins]
    answer: _Answer = []
    for code, count, people in _flows(once, users[of_session] if len(users) else users):
        source, after = divmod(code, end + 1)
        answer.append(
            (names[source], names[after], count, people, count / int(sessions[source]),
             steps.sampled)
        )  # fmt: skip
    answer.sort(key=lambda row: (-row[2], row[0], row[1]))
    return answer


def tools_together(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Answer:
    """Rows of ``tools_together.sql``."""
    steps = _steps(connection, form, values)
    tools = np.array(
        [
            event_type == _TOOL_CALL and name != event_type
            for name, event_type in zip(steps.names, steps.event_types, strict=True)
        ],
        np.bool_,
    )
    if not tools.any():
        return []
    called = np.flatnonzero(tools[steps.node])
    node, session = _once(
        steps.session[called], steps.node[called].astype(np.int64), len(steps.names)
    )
    sessions = np.bincount(node, minlength=len(steps.names))
    every = 1 + int(np.count_nonzero(np.diff(session)))
    names = [name.removeprefix(f"{_TOOL_CALL}:") for name in steps.names]
    top = sorted(np.flatnonzero(sessions).tolist(), key=lambda each: (-sessions[each], names[each]))
    top = top[:_TOOLS]
    # Who was called in which session, as a product of matrices: how often both were.
    place = np.full(len(names), -1)
    place[top] = np.arange(len(top))
    chosen = place[node] >= 0
    both = np.zeros((len(top), len(top)), np.int64)
    numbers = np.cumsum(np.diff(session[chosen], prepend=-1) != 0) - 1
    for begin in range(0, int(numbers.max(initial=-1)) + 1, 100_000):
        low, high = np.searchsorted(numbers, (begin, begin + 100_000))
        table = np.zeros((100_000, len(top)), np.float32)
        table[numbers[low:high] - begin, place[node[chosen][low:high]]] = 1
        both += np.rint(table.T @ table).astype(np.int64)
    return [
        (names[one], names[other], count,
         count * every / (int(sessions[one]) * int(sessions[other])))
        for row, one in enumerate(top)
        for column, other in enumerate(top)
        if one != other and (count := int(both[row, column]))
    ]  # fmt: skip


def _steps(connection: apsw.Connection, form: Form, values: Mapping[str, Any]) -> _Steps:
    series = lookups.Series(connection)
    wanted = series.is_noticed & series.chosen(values["service"], values["user_tier"])
    columns = form.select(
        ("user", "time", "series", "session", "sampled"),
        wanted,
        from_ns=values["from_ns"],
        to_ns=values["to_ns"] - 1,
    )
    names, event_types, node_of = series.nodes()
    sampled = int(columns["sampled"].any())
    node = node_of[columns["series"]]
    user, time, session = columns["user"], columns["time"], columns["session"]
    if not len(user):
        empty = np.zeros(0, np.int64)
        return _Steps(names, event_types, node, user, empty, empty, 0)
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
    return _Steps(
        names,
        event_types,
        node[places],
        user[places],
        np.cumsum(is_new) - 1,
        np.flatnonzero(is_new),
        sampled,
    )


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


def _anchors(steps: _Steps, anchor: str, *, to_end: bool) -> NDArray[np.int64]:
    """The step where each session's path begins or ends; -1 for none."""
    begins = steps.begins
    if not anchor:
        return np.append(begins[1:], len(steps.node)) - 1 if to_end and len(begins) else begins
    matches = np.array(
        [
            anchor in (name, event_type)
            for name, event_type in zip(steps.names, steps.event_types, strict=True)
        ],
        np.bool_,
    )
    places = np.flatnonzero(matches[steps.node]) if len(matches) else begins[:0]
    found = np.full(len(begins), -1, np.int64)
    # The last one that is written stays.
    places = places if to_end else places[::-1]
    found[steps.session[places]] = places
    return found


def _named(
    steps: _Steps, node: NDArray[np.int32], number: NDArray[np.int64], depth: int, top: int
) -> NDArray[np.int64]:
    """``node`` where it is one of the most frequent at its step; else one past all nodes."""
    nodes = len(steps.names)
    if not len(node):
        return node.astype(np.int64)
    counts = np.bincount(number * nodes + node, minlength=(depth + 1) * nodes)
    counts = counts.reshape(-1, nodes)
    is_named = np.zeros(counts.shape, np.bool_)
    for step in range(1, depth + 1):
        there = np.flatnonzero(counts[step]).tolist()
        there = [
            each for _, _, each in sorted((-counts[step, n], steps.names[n], n) for n in there)
        ]
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
    order = np.argsort(code, kind="stable")
    code, user = code[order], user[order]
    begins = np.flatnonzero(np.append(True, code[1:] != code[:-1]))
    is_new = np.ones(len(code), np.bool_)
    is_new[1:] = (user[1:] != user[:-1]) | (code[1:] != code[:-1])
    users = np.add.reduceat(is_new, begins, dtype=np.int64)
    sessions = np.diff(begins, append=len(code))
    return list(zip(code[begins].tolist(), sessions.tolist(), users.tolist(), strict=True))
