"""Lifecycle, users at risk and downgrades against plain Python over the raw events."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise

import pytest
from counting import ask, day_of, start_of
from seeding import DAY, HOUR, MONDAY, Event, build

from cortex_otel_exporters.sqlite.reader import open_reader

ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu"]
#: 2026-02-09; New York's clocks go forward on March 8.
BEGIN = MONDAY + 35 * DAY
END = BEGIN + 80 * DAY
PAYING = {"paid", "enterprise"}


def population(users, seed):
    """Users with a rhythm of their own, who stop, come back, and go from one tier to another."""
    choose = random.Random(seed)
    events = []
    for number in range(users):
        time = BEGIN + choose.randrange(70 * DAY)
        tier, gap = choose.choice(("free", "trial", "paid")), choose.choice((0.5, 1, 3, 9))
        while time < END and choose.random() < 0.97:
            service = choose.choice(("mcp", "mcp", "extension"))
            events.append(Event(time, user=f"{number:08x}", tier=tier, service=service))
            time += int(choose.expovariate(1 / gap) * DAY) + choose.randrange(HOUR)
            if choose.random() < 0.03:
                time += 25 * DAY
            if choose.random() < 0.08:
                tier = choose.choice(("free", "trial", "paid", "enterprise"))
    choose.shuffle(events)
    return events


@pytest.fixture(scope="module")
def people():
    return population(150, seed=9)


@pytest.fixture(scope="module")
def store(people, tmp_path_factory):
    connection = open_reader(build(tmp_path_factory.mktemp("lives") / "cortex.db", people))
    yield connection
    connection.close()


def days_of(events, zone, to_ns=END, service="", user_tier=""):
    """Days of activity by user."""
    days = defaultdict(set)
    for event in events:
        if event.time < to_ns and service in {"", event.service} and user_tier in {"", event.tier}:
            days[event.user].add(day_of(event.time, zone))
    return days


def lives(events, from_ns, to_ns, zone, **filters):
    weeks = {
        user: {(day + 3) // 7 for day in days}
        for user, days in days_of(events, zone, **filters).items()
    }
    first = min((day_of(event.time, zone) + 3) // 7 for event in events)
    last = (day_of(to_ns - 1, zone) + 3) // 7
    for week in range(max(first, (day_of(from_ns, zone) + 3) // 7), last + 1):
        active = {user for user, of in weeks.items() if week in of}
        before = {user for user, of in weeks.items() if week - 1 in of}
        new = {user for user in active if min(weeks[user]) == week}
        over = start_of(week * 7 + 4, zone) <= to_ns
        yield {
            "week": week * 7 - 3,
            "active_users": len(active),
            "new_users": len(new),
            "returning_users": len(active & before),
            "resurrected_users": len(active - before - new),
            "dormant_users": len(before - active) if over else None,
            "partial": 0 if over else 1,
        }


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("when", "filters"),
    [
        ((0, END), {}),
        ((BEGIN + 20 * DAY + 5, BEGIN + 62 * DAY + 3 * HOUR), {}),
        ((BEGIN + 20 * DAY, END), {"service": "extension", "user_tier": "paid"}),
    ],
)
def test_lifecycle(store, people, zone, when, filters):
    given = {"from_ns": when[0], "to_ns": when[1], "time_zone": zone, **filters}
    assert ask(store, "lifecycle", **given) == list(lives(people, *when, zone, **filters))


def at_risk(events, from_ns, to_ns, zone, reference):
    last_days = range(day_of(from_ns, zone), day_of(to_ns - 1, zone) + 1)
    for user, days in days_of(events, zone, to_ns).items():
        last = max(days)
        kept = sorted(day for day in days if day > last - reference)
        weeks = {(last - day) // 7 for day in kept} & set(range(reference // 7))
        longest = max((b - a for a, b in pairwise(kept)), default=None)
        silent = last_days[-1] - last
        if (
            last in last_days
            and longest is not None
            and len(weeks) * 2 >= reference // 7
            and silent > max(longest, 1)
        ):
            yield user, last, silent, longest, len(kept), len(weeks)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("days", "reference"), [((10, 80), 56), ((40, 71), 28), ((0, 77), 30)])
def test_users_at_risk(store, people, zone, days, reference):
    from_ns, to_ns = (BEGIN + day * DAY + 4 * HOUR + 11 for day in days)
    given = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": zone, "reference_days": reference}
    rows = ask(store, "users_at_risk", **given)
    expected = set(at_risk(people, from_ns, to_ns, zone, reference))
    assert {tuple(v for k, v in row.items() if k != "user_tier") for row in rows} == expected
    assert len(rows) == len(expected) > 0
    for row in rows:
        last = [
            event for event in people
            if event.user == row["user_id_hash"] and event.time < to_ns
            and day_of(event.time, zone) == row["last_active"]
        ]  # fmt: skip
        assert row["user_tier"] in {event.tier for event in last}


def test_a_user_of_one_day_has_no_rhythm(store_of):
    connection = store_of([Event(MONDAY, user="a")])
    assert ask(connection, "users_at_risk", to_ns=MONDAY + 20 * DAY, reference_days=14) == []


def downgrades(events, from_ns, to_ns):
    of_user = defaultdict(list)
    for event in events:
        if event.time < to_ns and event.tier:
            of_user[event.user].append((event.time, event.tier))
    for user, told in of_user.items():
        told.sort()
        for (time, tier), (next_time, next_tier) in pairwise(told):
            if tier in PAYING and next_tier not in PAYING and next_time >= from_ns:
                again = [t for t, tier in told if tier in PAYING and t > next_time]
                yield next_time, user, tier, next_tier, time, min(again, default=None)


@pytest.mark.parametrize("when", [(0, END), (BEGIN + 30 * DAY + 5, BEGIN + 60 * DAY + 5 * HOUR)])
def test_downgrades(store_of, people, when):
    # Of days with a single change, which is what a day's first and last events tell.
    changes = defaultdict(list)
    for event in sorted(people, key=lambda event: event.time):
        of_day = changes[event.user, event.time // DAY]
        if not of_day or of_day[-1] != event.tier:
            of_day.append(event.tier)
    plain = [e for e in people if len(changes[e.user, e.time // DAY]) <= 2]
    rows = ask(store_of(plain), "tier_downgrades", from_ns=when[0], to_ns=when[1])
    names = ("downgraded", "user_id_hash", "from_tier", "to_tier", "last_paid", "paid_again")
    expected = sorted(downgrades(plain, *when), key=lambda row: (-row[0], row[1]))
    assert [tuple(row[name] for name in names) for row in rows] == expected
    assert len(expected) > 10


def test_up_and_down_and_up_again(store_of):
    history = ["free", "paid", "free", "enterprise", "paid", "trial"]
    events = [Event(MONDAY + n * DAY, user="a", tier=tier) for n, tier in enumerate(history)]
    rows = ask(store_of(events), "tier_downgrades")
    assert [(r["from_tier"], r["to_tier"], r["paid_again"]) for r in rows] == [
        ("paid", "trial", None),
        ("paid", "free", MONDAY + 3 * DAY),
    ]


@pytest.mark.parametrize("name", ["lifecycle", "users_at_risk", "tier_downgrades"])
def test_nobody(store_of, name):
    assert ask(store_of([]), name) == []
    (row, *others) = ask(store_of([Event(MONDAY)]), "lifecycle", to_ns=MONDAY + DAY) or [None]
    assert not others
    assert row is None or row["active_users"] == 0


def test_installed_and_inactive_for_days(store_of):
    def of(user, *days):
        types = ("ext.install", *["ext.ui_interaction"] * len(days))
        return [
            Event(MONDAY + day * DAY, user=user, event_type=each, feature="vscode")
            for each, day in zip(types, (0, *days), strict=True)
        ]

    late = [Event(MONDAY + 35 * DAY, user="d", event_type="ext.install", feature="vscode")]
    connection = store_of([*of("a"), *of("b", 9), *of("c", 9, 10), *late])
    given = {"from_ns": MONDAY + 39 * DAY, "to_ns": MONDAY + 40 * DAY}
    for days, users in ((0, "abcd"), (30, "ab"), (29, "abc"), (31, "a"), (41, "")):
        rows = ask(connection, "inactive_users", inactive_days=days, **given)
        assert {row["user_id_hash"] for row in rows} == set(users), days
