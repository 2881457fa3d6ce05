"""Paths through sessions: the SQL, the engine and the definition give the same rows."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seeding import DAY, HOUR, MONDAY, Event, build, user_hash

from cortex_otel.query import analysis
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.errors import QueryParameterError
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.reader import open_reader

MINUTE = HOUR // 60
KINDS = (
    *(("mcp.tool_call", tool) for tool in "abcdefghijklm"),
    ("mcp.search_context", ""), ("ext.error", "TypeError"), ("ext.install", "vscode"),
    ("feature_flag.evaluation", ""), ("span", ""), ("mcp.tool_call", ""),
)  # fmt: skip
QUIET = {"ext.install", "feature_flag.evaluation", "span"}


def sittings(seed, sessions=70):
    """Sessions of a few events, several at once, of users who share a session's name at times."""
    choose = random.Random(seed)
    events = []
    for number in range(sessions):
        at = MONDAY + choose.randrange(4 * 24) * HOUR
        user = choose.randrange(9)
        for _ in range(choose.randrange(1, 12)):
            event_type, feature = choose.choices(KINDS, [20 - n for n in range(len(KINDS))])[0]
            events.append(
                Event(
                    at,
                    event_type=event_type,
                    feature=feature,
                    service="extension" if event_type.startswith("ext") else "mcp",
                    tier=("free", "paid")[user % 2],
                    user=user_hash(user) if user else "",
                    session=f"s{number // 2 if number % 5 == 0 else number}",
                    weight=1.0 if seed else choose.choice((1.0, 10.0)),
                )
            )
            at += choose.choice((0, MINUTE, 29 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, 40 * MINUTE))
    choose.shuffle(events)
    return events


@pytest.fixture(scope="module")
def sat(tmp_path_factory):
    made = []
    for seed in range(2):
        events = sittings(seed)
        made.append(
            (events, open_reader(build(tmp_path_factory.mktemp("s") / "cortex.db", events)))
        )
    yield made
    for _, connection in made:
        connection.close()


def both(connection, name, given):
    question = catalogue()[name]
    engine = run(connection, question, given, row_limit=5000).rows
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(analysis, "is_available", lambda: False)
        assert run(connection, question, given, row_limit=5000).rows == engine
    return engine


def paths_of(events, asked):
    """(user, names) of each session, in no order; and whether anything is sampled."""
    sessions, sampled = defaultdict(list), 0
    for key, event in enumerate(events):
        if (
            event.user
            and event.event_type not in QUIET
            and asked["from_ns"] <= event.time < asked["to_ns"]
            and asked["service"] in {"", event.service}
            and asked["user_tier"] in {"", event.tier}
        ):
            sessions[event.user, event.session].append((event.time, key, event))
            sampled |= event.weight != 1
    paths = []
    for (user, _), rows in sessions.items():
        rows.sort(key=lambda row: row[:2])
        parts = [[rows[0]]]
        for before, after in pairwise(rows):
            if after[0] - before[0] > 30 * MINUTE:
                parts.append([])
            parts[-1].append(after)
        for part in parts:
            names = (f"{e.event_type}:{e.used}" if e.used else e.event_type for _, _, e in part)
            paths.append((user, [name for name, _ in groupby(names)]))
    return paths, int(sampled)


def true_journeys(events, asked):
    paths, sampled = paths_of(events, asked)
    depth, to_end = asked["depth"], asked["direction"] == "end"
    shown = []
    for user, names in paths:
        matching = [
            n
            for n, name in enumerate(names)
            if asked["anchor"] in {"", name, name.partition(":")[0]}
        ]
        if not matching:
            continue
        if to_end:
            until = matching[-1] + 1
            part = names[max(0, until - depth) : until]
            shown.append((user, depth - len(part) + 1, part))
        else:
            shown.append((user, 1, names[matching[0] : matching[0] + depth]))
    counts = defaultdict(Counter)
    for _, first, part in shown:
        for step, name in enumerate(part, first):
            counts[step][name] += 1
    named = {
        step: sorted(found, key=lambda name: (-found[name], name))[: asked["top"]]
        for step, found in counts.items()
    }
    links, people = Counter(), defaultdict(set)
    for user, begin, names in shown:
        part = [
            name if name in named[step] else "(other)" for step, name in enumerate(names, begin)
        ]
        first = begin
        if to_end and begin > 1:
            part.insert(0, "(start)")
            first -= 1
        elif not to_end and len(part) < depth:
            part.append("(end)")
        for step, link in enumerate(pairwise(part), first):
            links[step, *link] += 1
            people[step, *link].add(user)
    return tuple(
        (step, f"{step}:{a}", f"{step + 1}:{b}", count, len(people[step, a, b]), sampled)
        for (step, a, b), count in sorted(
            links.items(), key=lambda each: (each[0][0], -each[1], each[0][1:])
        )
    )


def true_transitions(events, asked):
    paths, sampled = paths_of(events, asked)
    links, sources, people = Counter(), Counter(), defaultdict(set)
    for user, names in paths:
        sources.update(set(names))
        found = set(pairwise([*names, "(end)"]))
        links.update(found)
        for link in found:
            people[link].add(user)
    return tuple(
        (a, b, count, len(people[a, b]), count / sources[a], sampled)
        for (a, b), count in sorted(links.items(), key=lambda each: (-each[1], each[0]))
    )


def true_tools(events, asked):
    paths, _ = paths_of(events, asked)
    sessions = [
        {name.removeprefix("mcp.tool_call:") for name in names if name.startswith("mcp.tool_call:")}
        for _, names in paths
    ]
    sessions = [each for each in sessions if each]
    counts = Counter(tool for each in sessions for tool in each)
    top = sorted(counts, key=lambda tool: (-counts[tool], tool))[:10]
    return tuple(
        (a, b, count, count * len(sessions) / (counts[a] * counts[b]))
        for a in top
        for b in top
        if a != b and (count := sum({a, b} <= each for each in sessions))
    )


ranges = {
    "from_ns": st.sampled_from((0, MONDAY + DAY, MONDAY + DAY + 1)),
    "to_ns": st.sampled_from((MONDAY + 2 * DAY, MONDAY + 9 * DAY)),
    "service": st.sampled_from(("", "", "mcp")),
    "user_tier": st.sampled_from(("", "", "paid")),
}
askings = st.fixed_dictionaries(
    {
        **ranges,
        "anchor": st.sampled_from(
            ("", "mcp.search_context", "mcp.tool_call", "mcp.tool_call:a", "ext.code_insert")
        ),
        "direction": st.sampled_from(("start", "end")),
        "depth": st.integers(2, 8),
        "top": st.sampled_from((1, 3, 20)),
    }
)


@settings(max_examples=60, deadline=None)
@given(asked=askings, store=st.integers(0, 1))
def test_journeys(sat, asked, store):
    events, connection = sat[store]
    assert both(connection, "journeys", asked) == true_journeys(events, asked)


@settings(max_examples=20, deadline=None)
@given(asked=st.fixed_dictionaries(ranges), store=st.integers(0, 1))
def test_transitions_and_tools(sat, asked, store):
    events, connection = sat[store]
    assert both(connection, "transitions", asked) == true_transitions(events, asked)
    tools = both(connection, "tools_together", asked)
    expected = true_tools(events, asked)
    assert [row[:3] for row in tools] == [row[:3] for row in expected]
    assert [row[3] for row in tools] == pytest.approx([row[3] for row in expected])


def test_nobody(store_of):
    for name in ("journeys", "transitions", "tools_together"):
        assert both(store_of([]), name, {"to_ns": MONDAY}) == ()


def test_lift_is_not_popularity(store_of):
    # Everybody calls a; b and c are rare, and always together.
    events = [
        Event(MONDAY, tool_name=tool, user=user_hash(n), session=str(n))
        for n in range(20)
        for tool in ("abc" if n < 4 else "a")
    ]
    rows = both(store_of(events), "tools_together", {"to_ns": MONDAY + DAY})
    lift = {(a, b): value for a, b, _, value in rows}
    assert lift["a", "b"] == 1
    assert lift["b", "c"] == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": 1}, "use 2 to 8"),
        ({"depth": 9}, "use 2 to 8"),
        ({"top": 0}, "use 1 to 20"),
        ({"anchor": "tier:paid"}, "is a tier"),
        ({"anchor": "A!"}, "isn't a step"),
        ({"direction": "middle"}, "use start, end"),
    ],
)
def test_what_makes_no_sense_is_refused_with_advice(sat, given, message):
    with pytest.raises(QueryParameterError, match=message):
        run(sat[0][1], catalogue()["journeys"], given)
