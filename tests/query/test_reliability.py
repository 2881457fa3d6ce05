"""Failures and what users do next, recall and net savings, against plain Python."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from counting import ask, day_of, is_partial
from inference import mantel_haenszel
from seeding import DAY, HOUR, MONDAY, Event, build

from cortex_otel_exporters.sqlite.reader import open_reader

ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu"]
#: 2026-02-09; New York's clocks go forward on March 8.
BEGIN = MONDAY + 35 * DAY
END = BEGIN + 90 * DAY
PAYING = {"paid", "enterprise"}
SLOW = 1000 * 10**6


def population(users, seed):
    """Users of whom one kind of error drives some away; who does more meets more of all kinds."""
    choose = random.Random(seed)
    events = []
    for number in range(users):
        user, tier = f"{number:08x}", choose.choice(("free", "free", "free", "trial", "paid"))
        begin, keen = BEGIN + choose.randrange(45 * DAY), choose.randrange(1, 25)
        times = sorted(begin + choose.randrange(1, 7 * DAY) for _ in range(keen))
        is_hurt = False
        for time in (begin, *times):
            event = Event(time, user=user, tier=tier, tool_name=choose.choice("abc"))
            event.duration = int(choose.lognormvariate(17.5, 1.5))
            match choose.randrange(30):
                case 0 | 1 if not is_hurt:
                    event.result, event.error_type, is_hurt = "error", "LostWorkError", True
                case 2 | 3:
                    event.result, event.error_type = "error", choose.choice(("KeyError", ""))
                case 4:
                    event.result, event.error_type = "timeout", "TimeoutError"
                    event.weight = choose.choice((1.0, 2.0))
                case 5:
                    event.event_type, event.result, event.tool_name = "span", "error", ""
            events.append(event)
        if choose.random() < 0.2 + keen / 50 - 0.3 * is_hurt:
            later = begin + choose.randrange(35 * DAY)
            events.append(Event(later, user=user, tier="paid", tool_name="a"))
        if choose.random() < 0.4 + keen / 40 - 0.6 * is_hurt:
            events += [
                Event(begin + (7 + choose.randrange(60)) * DAY, user=user, tier=tier, tool_name="a")
                for _ in range(keen)
            ]
    choose.shuffle(events)
    return [event for event in events if event.time < END]


@pytest.fixture(scope="module")
def people():
    return population(400, seed=33)


@pytest.fixture(scope="module")
def store(people, tmp_path_factory):
    connection = open_reader(build(tmp_path_factory.mktemp("trouble") / "cortex.db", people))
    yield connection
    connection.close()


def by_user(events):
    users = defaultdict(list)
    for event in events:
        if event.user and event.product:
            users[event.user].append(event)
    return users


def quarters(numbers):
    """The quarter of each key by its number; equal ones are in the same."""
    ordered = sorted(numbers.values())
    return {key: ordered.index(number) * 4 // len(ordered) for key, number in numbers.items()}


def tables_of(strata, exposed, outcome):
    """Tables for Mantel and Haenszel, one a stratum."""
    tables = defaultdict(lambda: [0, 0, 0, 0])
    for user, stratum in strata.items():
        place = 0 if user in exposed else 2
        tables[stratum][place] += user in outcome
        tables[stratum][place + 1] += 1
    return list(tables.values())


def first_days(events, from_ns, to_ns, days, window):
    """Newcomers who could still convert: activity, problems and outcomes."""
    activity, sets = {}, defaultdict(set)
    for user, history in by_user(events).items():
        first = min(history, key=lambda e: (e.time, e.tier))
        day = first.time // DAY
        paid = min((e.time for e in history if e.tier in PAYING), default=1 << 62)
        if first.tier in PAYING or not from_ns <= first.time < to_ns:
            continue
        if first.time + window * DAY > to_ns or (day + 2 * days) * DAY > to_ns:
            continue
        if paid < (day + days) * DAY:
            continue
        early = [e for e in history if e.time // DAY < day + days]
        activity[user] = sum(e.weight for e in early)
        facts = {
            "failure": any(e.failed for e in early),
            "timeout": any(e.result == "timeout" for e in early),
            "slow": any((e.duration or 0) >= SLOW for e in early),
            "conversion": paid <= first.time + window * DAY,
            "return": any(
                e.active and day + days <= e.time // DAY < day + 2 * days for e in history
            ),
        }
        for name, is_so in facts.items():
            if is_so:
                sets[name].add(user)
    return activity, sets


@pytest.mark.parametrize(("days", "window", "least"), [(7, 30, 30), (3, 40, 10), (7, 30, 5000)])
def test_reliability_and_conversion(store, people, days, window, least):
    from_ns, to_ns = BEGIN + 7 * HOUR, END - 5 * DAY - 1
    given = {"first_days": days, "window_days": window, "min_users": least}
    rows = ask(store, "reliability_conversion", from_ns=from_ns, to_ns=to_ns, **given)
    assert len(rows) == 6
    activity, sets = first_days(people, from_ns, to_ns, days, window)
    strata = quarters(activity)
    for row in rows:
        exposed, outcome = sets[row["problem"]], sets[row["outcome"]]
        assert row["users_with"] == len(exposed)
        assert row["users_without"] == len(activity) - len(exposed)
        assert row["rate_with"] == len(exposed & outcome) / len(exposed)
        ratio, difference = mantel_haenszel(tables_of(strata, exposed, outcome))
        verdict = "no_difference"
        if min(len(exposed), len(activity) - len(exposed)) < least or len(outcome) < 5:
            verdict, ratio, difference = "not_enough_data", (None,) * 3, (None,) * 3
        elif difference[2] < 0:
            verdict = "less_often"
        elif difference[1] > 0:
            verdict = "more_often"
        assert row["verdict"] == verdict
        assert (row["risk_ratio"], row["low"], row["high"]) == pytest.approx(ratio)
        found = (row["difference"], row["difference_low"], row["difference_high"])
        assert found == pytest.approx(difference)
    assert all(row["verdict"] == "not_enough_data" for row in rows) == (least == 5000)


def test_the_reliability_of_nobody(store_of):
    assert ask(store_of([]), "reliability_conversion") == []
    rows = ask(store_of([Event(MONDAY, user="a")]), "reliability_conversion")
    assert {(r["verdict"], r["users_with"], r["rate_with"]) for r in rows} == {
        ("not_enough_data", 0, None)
    }
    assert rows[0]["users_without"] == 1
    assert ask(store_of([]), "costly_errors") == []


@pytest.mark.parametrize("least", [1, 10])
@pytest.mark.parametrize("tier", ["", "free"])
def test_costly_errors(store, people, least, tier):
    from_ns, to_ns, left_days = BEGIN + 3 * HOUR, END - 7 * DAY + 5, 14
    given = {"left_days": left_days, "min_met": least, "user_tier": tier}
    rows = ask(store, "costly_errors", from_ns=from_ns, to_ns=to_ns, **given)
    begin, end = -(-from_ns // DAY), to_ns // DAY
    activity, gone = {}, set()
    met, times = defaultdict(set), Counter()
    for user, history in by_user(e for e in people if tier in {"", e.tier}).items():
        before = [e for e in history if begin <= e.time // DAY < end - left_days]
        if not any(event.active for event in before):
            continue
        activity[user] = sum(event.weight for event in before)
        if not any(e.active and end - left_days <= e.time // DAY < end for e in history):
            gone.add(user)
        for event in before:
            if event.failed:
                key = (event.error_type or "unknown", event.event_type, event.tool_name or None)
                met[key].add(user)
                times[key] += event.weight
    strata = quarters(activity)
    expected = {}
    for key, exposed in met.items():
        tables = [t for t in tables_of(strata, exposed, gone) if t[1] and t[3]]
        left, users = sum(t[0] for t in tables), sum(t[1] for t in tables)
        if users < least or sum(t[3] for t in tables) < least:
            continue
        due = sum(t[1] * t[2] / t[3] for t in tables)
        expected[key] = (users, left, due, left - due, *mantel_haenszel(tables)[0], times[key])
    found = {tuple(row.values())[:3]: tuple(row.values())[3:] for row in rows}
    assert found.keys() == expected.keys()
    for key, values in found.items():
        assert values == pytest.approx(expected[key])
    lost = [row["users_lost"] for row in rows]
    assert lost == sorted(lost, reverse=True)
    if least == 10 and not tier:
        assert rows[0]["error_type"] == "LostWorkError"
        assert rows[0]["low"] > 1


@pytest.fixture(scope="module")
def sessions():
    """Compressions, searches with and without a check, in sessions and in none."""
    choose = random.Random(2)
    events = []
    for _ in range(1500):
        common = {
            "time": BEGIN + choose.randrange(40 * 24) * HOUR + choose.randrange(7) * HOUR // 6,
            "session": choose.choice(("", *(f"s{n}" for n in range(4)))),
            "weight": choose.choice((1.0, 1.0, 3.0)),
            "service": choose.choice(("mcp", "web")), "user": "a",
        }  # fmt: skip
        if choose.random() < 0.5:
            before = choose.randrange(1000, 9000)
            measures = {"tokens_before": before, "tokens_after": before // choose.randrange(2, 9)}
            if choose.random() < 0.1:
                measures = {}
            events.append(Event(**common, event_type="mcp.compress_context", measures=measures))
        else:
            measures = {"results": 3}
            if choose.random() < 0.4:
                measures["recall"] = choose.random()
            events.append(Event(**common, event_type="mcp.search_context", measures=measures))
    return events


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("service", ["", "web"])
def test_recall_and_net_savings_by_day(store_of, sessions, zone, service):
    connection = store_of(sessions)
    from_ns, to_ns = BEGIN + 3 * DAY + 6 * HOUR, BEGIN + 38 * DAY + 90
    given = {"from_ns": from_ns, "to_ns": to_ns, "time_zone": zone, "service": service}
    checks, nets = defaultdict(Counter), defaultdict(Counter)
    searches = defaultdict(list)
    for event in sessions:
        if event.event_type == "mcp.search_context":
            searches[event.session].append(event.time)
    for event in sessions:
        if not from_ns <= event.time < to_ns or service not in {"", event.service}:
            continue
        day = day_of(event.time, zone)
        if "recall" in event.measures:
            checks[day]["checks"] += event.weight
            checks[day]["found"] += event.weight * event.measures["recall"]
        if "tokens_before" in event.measures and event.session:
            again = any(0 <= t - event.time <= 30 * HOUR // 60 for t in searches[event.session])
            saved = event.measures["tokens_before"] - event.measures["tokens_after"]
            nets[day].update(
                compressions=event.weight,
                fetched_again=event.weight * again,
                tokens_before=event.weight * event.measures["tokens_before"],
                tokens_saved=event.weight * saved,
                tokens_saved_net=event.weight * saved * (not again),
            )
    rows = ask(connection, "recall_per_day", **given)
    assert [row["day"] for row in rows] == sorted(checks)
    for row in rows:
        of = checks[row["day"]]
        assert (row["checks"], row["recall"]) == (
            of["checks"],
            pytest.approx(of["found"] / of["checks"]),
        )
        assert row["partial"] == is_partial(row["day"], from_ns, to_ns, zone)
    rows = ask(connection, "net_savings", **given)
    assert [row["day"] for row in rows] == sorted(nets)
    for row in rows:
        of = nets[row["day"]]
        assert {name: row[name] for name in of} == dict(of)
        assert row["fetched_again_rate"] == of["fetched_again"] / of["compressions"]
        assert row["savings_rate"] == of["tokens_saved"] / of["tokens_before"]
        assert row["net_savings_rate"] == of["tokens_saved_net"] / of["tokens_before"]
        assert row["partial"] == is_partial(row["day"], from_ns, to_ns, zone)
    assert any(0 < row["fetched_again_rate"] < 1 for row in rows)
