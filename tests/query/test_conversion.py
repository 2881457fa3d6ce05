"""Conversion and its interval against plain Python over the raw events."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict

import pytest
from counting import ask, day_of, ratio
from inference import wilson
from seeding import DAY, HOUR, MONDAY, Event, build

from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import QueryParameterError
from cortex_otel.semconv import PAYING_TIERS, TIERS
from cortex_otel_exporters.sqlite.reader import open_reader

COUNTS = ("eligible_users", "converted_users", "pending_users")
ZONES = ["UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu"]
#: 2026-02-16, three weeks before the clocks of New York go forward.
WINTER = MONDAY + 42 * DAY
RANKS = {"free": 0, "trial": 1, "paid": 2, "enterprise": 3}


def monday_of(time_ns, zone):
    return (day_of(time_ns, zone) + 3) // 7 * 7 - 3


def people(count, seed):
    """Users who begin in any tier in the weeks around a change of clocks, and change it."""
    choose = random.Random(seed)
    events = []
    for number in range(count):
        time = WINTER + choose.randrange(70 * DAY)
        tier = choose.choice(("free", "free", "trial", "paid", ""))
        for _ in range(choose.randrange(1, 6)):
            service = choose.choice(("mcp", "extension"))
            events.append(Event(time, user=f"{number:08x}", tier=tier, service=service))
            time += choose.choice((0, HOUR, 3 * DAY, 10 * DAY, 30 * DAY, 30 * DAY + 1))
            tier = choose.choice(("free", "trial", "paid", "enterprise"))
    choose.shuffle(events)
    return events


def converted(events, *, from_ns, to_ns, zone, window_days, from_tier="", service=""):
    """Counts by week, from the events one user at a time."""
    of_user = defaultdict(list)
    for event in events:
        of_user[event.user].append(event)
    weeks = defaultdict(Counter)
    for history in of_user.values():
        told = sorted((e.time, RANKS[e.tier], e.tier) for e in history if e.tier)
        if not told:
            continue
        start, _, tier = told[0]
        if tier in {"paid", "enterprise"} or from_tier not in {"", tier}:
            continue
        if not from_ns <= start < to_ns or (
            service and service not in {e.service for e in history}
        ):
            continue
        counts = weeks[monday_of(start, zone)]
        if start + window_days * DAY > to_ns:
            counts["pending_users"] += 1
            continue
        counts["eligible_users"] += 1
        counts["converted_users"] += any(
            tier in {"paid", "enterprise"} and time - start <= window_days * DAY
            for time, _, tier in told
        )
    return weeks


@pytest.fixture(scope="module")
def population():
    return people(600, seed=3)


@pytest.fixture(scope="module")
def population_store(population, tmp_path_factory):
    connection = open_reader(build(tmp_path_factory.mktemp("people") / "a.db", population))
    yield connection
    connection.close()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("from_tier", ["", "free", "trial"])
@pytest.mark.parametrize("window_days", [1, 30])
def test_each_user_counts_once_and_in_their_week(
    population_store, population, zone, from_tier, window_days
):
    from_ns, to_ns = WINTER + 2 * DAY + 12_345, WINTER + 66 * DAY + 7 * HOUR
    given = {"window_days": window_days, "from_tier": from_tier}
    weeks = converted(population, from_ns=from_ns, to_ns=to_ns, zone=zone, **given)
    asked = given | {"from_ns": from_ns, "to_ns": to_ns, "time_zone": zone}
    rows = ask(population_store, "conversion", **asked)
    assert {row["week"]: tuple(row[name] for name in COUNTS) for row in rows} == {
        week: tuple(counts[name] for name in COUNTS) for week, counts in weeks.items()
    }
    (total,) = ask(population_store, "conversion_total", **asked)
    assert [total[name] for name in COUNTS] == [
        sum(counts[name] for counts in weeks.values()) for name in COUNTS
    ]
    for row in (*rows, total):
        hits, trials = row["converted_users"], row["eligible_users"]
        assert row["conversion_rate"] == ratio(hits, trials)
        found = (row["low"], row["high"])
        assert found == (pytest.approx(wilson(hits, trials), abs=1e-9) if trials else (None, None))


@pytest.mark.parametrize("service", ["mcp", "web"])
def test_a_service_takes_those_who_used_it(population_store, population, service):
    given = {"from_ns": WINTER, "to_ns": WINTER + 80 * DAY, "window_days": 14, "service": service}
    weeks = converted(population, zone="UTC", **given)
    rows = ask(population_store, "conversion", **given)
    assert {row["week"]: tuple(row[name] for name in COUNTS) for row in rows} == {
        week: tuple(counts[name] for name in COUNTS) for week, counts in weeks.items()
    }


def test_who_begins_in_a_trial_is_not_lost(store_of):
    connection = store_of(
        [
            Event(MONDAY, user="a", tier="trial"),
            Event(MONDAY + DAY, user="a", tier="enterprise"),
            Event(MONDAY, user="b", tier="trial"),
        ]
    )
    (row,) = ask(connection, "conversion", to_ns=MONDAY + 40 * DAY)
    assert (row["eligible_users"], row["converted_users"]) == (2, 1)
    assert ask(connection, "conversion", to_ns=MONDAY + 40 * DAY, from_tier="free") == []


def test_of_two_tiers_at_one_instant_the_lower_came_first(store_of):
    connection = store_of([Event(MONDAY, user="a", tier=tier) for tier in ("paid", "free")])
    (row,) = ask(connection, "conversion_total", to_ns=MONDAY + 40 * DAY)
    assert (row["eligible_users"], row["converted_users"]) == (1, 1)


def test_nobody_makes_no_rate(store_of):
    connection = store_of([Event(MONDAY, user="a", tier="paid")])
    (row,) = ask(connection, "conversion_total")
    assert tuple(row.values()) == (0, 0, 0, None, None, None, 0)


#: From statsmodels 0.15.0: proportion_confint(hits, trials, method="wilson").
REFERENCES = [
    (0, 10, 0.0, 0.27753279986288926),
    (1, 1, 0.2065493143772374, 1.0),
    (116, 600, 0.16372559988686522, 0.22684291006820453),
]


@pytest.mark.parametrize(("hits", "trials", "low", "high"), REFERENCES)
def test_the_interval_is_the_one_of_statsmodels(store_of, hits, trials, low, high):
    events = [Event(MONDAY, user=f"{n:04x}") for n in range(trials)]
    events += [Event(MONDAY + DAY, user=f"{n:04x}", tier="paid") for n in range(hits)]
    (row,) = ask(store_of(events), "conversion_total", to_ns=MONDAY + 40 * DAY)
    assert (row["low"], row["high"]) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("zone", ["Mars/Olympus", ""])
def test_a_zone_that_is_none_is_refused(store_of, zone):
    with pytest.raises(QueryParameterError, match="use a name like Asia/Seoul"):
        ask(store_of([Event(MONDAY)]), "conversion", time_zone=zone)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("conversion", {"window_days": 0}, "window_days=0 is out of bounds: use 1 to 3650"),
        ("conversion", {"from_tier": "paid"}, "from_tier='paid' isn't known: use free, trial"),
        ("experiments", {"planned_to": 1.5}, "planned_to=1.5 is out of bounds: use 0 to 1"),
        ("experiments", {"weights": "{"}, "weights='{': use JSON like"),
        ("experiments", {"weights": '{"f": {"a": -1}}'}, ": use JSON like"),
        ("experiments", {"weights": '{"f": [1]}'}, ": use JSON like"),
        ("feature_weeks", {"top": -1}, "top=-1 is out of bounds: use 1 to 200"),
        ("users_at_risk", {"reference_days": 3}, "use 7 to 366"),
    ],
)
def test_what_makes_no_sense_is_refused(store_of, name, given, message):
    with pytest.raises(QueryParameterError, match=re.escape(message)):
        ask(store_of([Event(MONDAY)]), name, **given)


def test_who_began_unpaid_is_a_tier_that_does_not_pay():
    known = {each.name: each for each in catalogue()["conversion"].parameters}
    assert known["from_tier"].choices == tuple(tier for tier in TIERS if tier not in PAYING_TIERS)


def test_who_only_installed_is_eligible_and_told_apart(tmp_path):
    install = {"event_type": "ext.install", "service": "extension", "tool_name": "", "tier": "free"}
    events = [
        *(Event(MONDAY + n * HOUR, user=f"{n:08x}", **install) for n in range(7)),
        Event(MONDAY + 9 * HOUR, user=f"{1:08x}", tier="free"),
        Event(MONDAY + 9 * HOUR, user=f"{8:08x}", tier="free"),
        Event(MONDAY + 40 * DAY, user=f"{9:08x}", **install),
    ]
    reader = open_reader(build(tmp_path / "cortex.db", sorted(events, key=lambda e: e.time)))
    when = {"from_ns": MONDAY, "to_ns": MONDAY + 41 * DAY}
    for row in (ask(reader, "conversion_total", **when)[0], ask(reader, "conversion", **when)[0]):
        assert (row["eligible_users"], row["idle_users"]) == (8, 6)
    assert ask(reader, "conversion_total", **when)[0]["pending_users"] == 1
    reader.close()
