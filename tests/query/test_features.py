"""Features by week, tier and age, and what they go with, against plain Python over the events."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from counting import ask, day_of, start_of
from inference import Z, mantel_haenszel
from seeding import DAY, HOUR, MONDAY, Event, build

from cortex_otel.query.errors import QueryParameterError
from cortex_otel.semconv import TIERS
from cortex_otel_exporters.sqlite.reader import open_reader

ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu"]
#: 2026-02-09; New York's clocks go forward on March 8.
BEGIN = MONDAY + 35 * DAY
END = BEGIN + 77 * DAY


def population(users, seed):
    """Users who try features, more of them the more they do; one of these makes them stay."""
    choose = random.Random(seed)
    events = []
    for number in range(users):
        user, tier = f"{number:08x}", choose.choice(TIERS)
        begin = BEGIN + choose.randrange(45 * DAY)
        keen, sticks = choose.randrange(1, 12), choose.random() < 0.4
        times = [begin, *(begin + choose.randrange(7 * DAY) for _ in range(keen))]
        if choose.random() < (0.75 if sticks else 0.25) + keen / 60:
            times += [begin + (7 + choose.randrange(40)) * DAY for _ in range(keen)]
        for time in times:
            tool = choose.choice(("search", "write", "list", "move"))
            if sticks and choose.random() < 0.4:
                tool = "keep"
            common = {
                "time": time + choose.randrange(HOUR), "user": user, "tier": tier,
                "weight": choose.choice((1.0, 1.0, 5.0)),
            }  # fmt: skip
            match choose.randrange(8):
                case 0:
                    common |= {"service": "extension", "feature": "click a"}
                    events.append(Event(**common, event_type="ext.ui_interaction"))
                case 1:
                    events.append(Event(**common, service="web", tool_name=tool))
                case 2:
                    events.append(Event(**common, event_type="ext.install", feature="vscode"))
                case 3:
                    events.append(Event(**common, event_type="mcp.search_context"))
                case _:
                    events.append(Event(**common, tool_name=tool))
        if choose.random() < 0.1:
            events[-1].user = ""
        if choose.random() < 0.2:
            tier = choose.choice(TIERS)
    events.append(Event(BEGIN + DAY, tool_name="forgotten", user="0" * 8, tier="free"))
    choose.shuffle(events)
    return [event for event in events if event.time < END]


@pytest.fixture(scope="module")
def people():
    return population(260, seed=21)


@pytest.fixture(scope="module")
def store(people, tmp_path_factory):
    connection = open_reader(build(tmp_path_factory.mktemp("features") / "cortex.db", people))
    yield connection
    connection.close()


def name_of(event):
    """The feature as a step of a funnel names it; none of what isn't use."""
    used = event.active and event.used
    return f"{event.event_type}:{event.used}" if used else ""


def filtered(events, service="", user_tier=""):
    return [e for e in events if service in {"", e.service} and user_tier in {"", e.tier}]


def assert_cells(rows, events, group_of, groups):
    """Users, share of active users and uses of each feature in each group."""
    users, uses, present = defaultdict(set), Counter(), defaultdict(set)
    for event in events:
        group = group_of(event)
        if event.active and event.user:
            present[group].add(event.user)
        if name_of(event):
            uses[name_of(event), group] += event.weight
            if event.user:
                users[name_of(event), group].add(event.user)
    expected = {}
    for name in {name for (name, _), of in users.items() if of}:
        if any(users[name, group] for group in groups):
            for group in groups:
                count = len(users[name, group])
                expected[name, group] = (
                    count,
                    count / len(present[group]) if present[group] else None,
                    uses[name, group] / count if count else None,
                )
    assert rows == expected
    assert len(expected) > len(groups)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("when", "filters"),
    [
        ((0, END), {}),
        ((BEGIN + 18 * DAY + 5, BEGIN + 52 * DAY + 3 * HOUR), {"service": "mcp"}),
        ((BEGIN + 9 * DAY, END), {"user_tier": "paid"}),
    ],
)
def test_features_by_week(store, people, zone, when, filters):
    given = {"from_ns": when[0], "to_ns": when[1], "time_zone": zone, **filters}
    rows = ask(store, "feature_weeks", **given)
    first = min(day_of(event.time, zone) for event in people)
    weeks = range(
        (max(day_of(when[0], zone), first) + 3) // 7, (day_of(when[1] - 1, zone) + 3) // 7 + 1
    )

    def week_of(event):
        return (day_of(event.time, zone) + 3) // 7 * 7 - 3

    assert_cells(
        {
            (r["feature"], r["week"]): (r["users"], r["share_of_active"], r["uses_per_user"])
            for r in rows
        },
        filtered(people, **filters),
        week_of,
        [week * 7 - 3 for week in weeks],
    )
    for row in rows:
        assert row["partial"] == (start_of(row["week"] + 7, zone) > when[1])


@pytest.mark.parametrize(
    ("when", "filters"),
    [
        ((BEGIN, END), {}),
        ((BEGIN + 18 * DAY + 5, BEGIN + 52 * DAY + 3 * HOUR), {}),
        ((BEGIN + 20 * DAY + HOUR, BEGIN + 20 * DAY + 9 * HOUR), {"service": "mcp"}),
    ],
)
def test_features_by_tier(store, people, when, filters):
    rows = ask(store, "feature_tiers", from_ns=when[0], to_ns=when[1], **filters)
    asked = filtered(people, **filters)
    assert_cells(
        {
            (r["feature"], r["user_tier"]): (r["users"], r["share_of_active"], r["uses_per_user"])
            for r in rows
        },
        [event for event in asked if when[0] <= event.time < when[1]],
        lambda event: event.tier,
        sorted({event.tier for event in asked}),
    )


def test_the_most_used_come_first(store):
    names = [row["feature"] for row in ask(store, "feature_tiers", top=2)]
    assert len(set(names)) == 2
    users = Counter()
    for row in ask(store, "feature_tiers"):
        users[row["feature"]] += row["users"]
    assert sorted(users.values(), reverse=True)[:2] == [
        users[name] for name in dict.fromkeys(names)
    ]


@pytest.mark.parametrize("filters", [{}, {"service": "mcp"}, {"user_tier": "free"}])
@pytest.mark.parametrize("feature", ["mcp.tool_call:keep", ""])
def test_adoption(store, people, feature, filters):
    to_ns = BEGIN + 50 * DAY + HOUR
    rows = ask(store, "feature_adoption", to_ns=to_ns, feature=feature, **filters)
    first = defaultdict(dict)
    for event in filtered(people, **filters):
        if name_of(event) and event.user and event.time // DAY * DAY < to_ns:
            day = event.time // DAY
            of = first[name_of(event)]
            of[event.user] = min(day, of.get(event.user, day))
    # The one with the most users unless one is named.
    name = feature or max(first, key=lambda each: (len(first[each]), [-ord(c) for c in each]))
    start = min(first[name].values())
    seen = defaultdict(set)
    for event in filtered(people, **filters):
        if event.active and event.user and event.time // DAY >= start:
            seen[event.time // DAY].add(event.user)
    adopted, around = 0, set()
    for row, day in zip(rows, range(start, (to_ns - 1) // DAY + 1), strict=True):
        adopted += sum(of == day for of in first[name].values())
        around |= seen[day]
        assert (row["day"], row["date"], row["feature"]) == (day - start, day, name)
        assert (row["users"], row["active_users"]) == (adopted, len(around))
        assert row["share"] == adopted / len(around)
    assert [row["partial"] for row in rows] == [0] * (len(rows) - 1) + [1]


@pytest.mark.parametrize("name", ["mcp.tool_call:nothing", "keep"])
def test_a_feature_that_is_none(store, name):
    with pytest.raises(QueryParameterError, match=f"no use of the feature '{name}'"):
        ask(store, "feature_adoption", feature=name)


def test_unused(store, people):
    from_ns = BEGIN + 30 * DAY
    rows = ask(store, "unused_features", from_ns=from_ns, to_ns=END)
    found = {(row["event_type"], row["feature"]): row for row in rows}
    used = {name_of(event) for event in people if event.time >= from_ns}
    before = {name_of(event) for event in people if event.time < from_ns}
    assert {f"{t}:{f}" for t, f in found if f is not None} == before - used
    assert "mcp.tool_call:forgotten" in before - used
    row = found["mcp.tool_call", "forgotten"]
    assert (row["last_used"], row["users"]) == ((BEGIN + DAY) // DAY, 1)
    recorded = {event.event_type for event in people if event.time >= from_ns}
    types = {t for t, f in found if f is None}
    assert "mcp.compress_context" in types
    assert not types & (recorded | {"ext.install", "ext.error"})
    assert found["mcp.compress_context", None]["last_used"] is None


def first_weeks(events, from_ns, to_ns):
    """Of each newcomer: number of events and features of seven days, and whether they stayed."""
    of_user = defaultdict(list)
    for event in events:
        if event.user and event.product:
            of_user[event.user].append(event)
    for user, history in of_user.items():
        first_time = min(e.time for e in history if e.active)
        first = first_time // DAY
        if not from_ns <= first_time < to_ns or (first + 28) * DAY > to_ns:
            continue
        early = [e for e in history if first <= e.time // DAY < first + 7]
        stayed = any(e.active and first + 21 <= e.time // DAY < first + 28 for e in history)
        yield user, sum(e.weight for e in early), {name_of(e) for e in early} - {""}, stayed


@pytest.mark.parametrize("min_users", [5, 30, 1000])
def test_what_retained_users_did_first(store, people, min_users):
    from_ns, to_ns = BEGIN + 3 * HOUR, END - 5
    rows = ask(store, "first_week_features", from_ns=from_ns, to_ns=to_ns, min_users=min_users)
    newcomers = list(first_weeks(people, from_ns, to_ns))
    counts = sorted(events for _, events, _, _ in newcomers)
    names = {name for _, _, used, _ in newcomers for name in used}
    assert {row["feature"] for row in rows} == names
    for row in rows:
        tables = defaultdict(Counter)
        for _, events, used, stayed in newcomers:
            table = tables[counts.index(events) * 4 // len(counts)]
            side = "with" if row["feature"] in used else "without"
            table[side] += 1
            table["stayed", side] += stayed
        for side in ("with", "without"):
            assert row[f"users_{side}"] == sum(table[side] for table in tables.values())
            assert row[f"retained_{side}"] == sum(t["stayed", side] for t in tables.values())
        expected = (None, None, None)
        if min(row["users_with"], row["users_without"]) >= min_users:
            expected = mantel_haenszel(
                [
                    (t["stayed", "with"], t["with"], t["stayed", "without"], t["without"])
                    for t in tables.values()
                ]
            )[0]
        assert (row["lift"], row["low"], row["high"]) == pytest.approx(expected)
    lows = [row["low"] for row in rows if row["low"] is not None]
    assert all(a >= b for a, b in pairwise(lows))
    if min_users == 30:
        assert rows[0]["feature"] == "mcp.tool_call:keep"
        assert rows[0]["low"] > 1
    if min_users == 1000:
        assert lows == []


def test_one_stratum_is_the_plain_ratio(store_of):
    # 12 of 20 with, 6 of 30 without: the ratio is 3, and its logarithm's deviation the one of Katz.
    events = []
    for number in range(50):
        with_it, place = number < 20, number if number < 20 else number - 20
        user = f"{number:04x}"
        events.append(Event(MONDAY, user=user, tool_name="a" if with_it else "b"))
        if place < (12 if with_it else 6):
            events.append(Event(MONDAY + 22 * DAY, user=user, tool_name="c"))
    rows = ask(store_of(events), "first_week_features", to_ns=MONDAY + 28 * DAY, min_users=1)
    row = next(row for row in rows if row["feature"] == "mcp.tool_call:a")
    deviation = math.sqrt(1 / 12 - 1 / 20 + 1 / 6 - 1 / 30)
    assert row["lift"] == pytest.approx(3)
    assert row["low"] == pytest.approx(3 * math.exp(-Z * deviation))
    assert row["high"] == pytest.approx(3 * math.exp(Z * deviation))


@pytest.mark.parametrize(
    "name",
    ["feature_weeks", "feature_tiers", "feature_adoption", "first_week_features"],
)
def test_nothing_recorded(store_of, name):
    assert ask(store_of([]), name) == []
    assert ask(store_of([Event(MONDAY)]), name, to_ns=MONDAY + 60 * DAY) == []
