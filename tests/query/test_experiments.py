"""Experiments against plain Python over the raw events."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict

import pytest
from counting import ask
from inference import benjamini_hochberg, chi_square_tail, newcombe, two_proportions, wilson
from seeding import DAY, HOUR, MONDAY, Event, build

from cortex_otel_exporters.sqlite.reader import open_reader

FLAG = "feature_flag.evaluation"
END = MONDAY + 60 * DAY
PAYING = {"paid", "enterprise"}
ARMS = {
    "search": ("control", "treatment"),
    "layout": ("a", "b", "c"),
    "colour": ("control", "red"),
    "alone": ("only",),
}


def exposure(time, user, flag, variant, **other):
    values = {"feature_flag.key": flag, "feature_flag.result.variant": variant}
    return Event(time, user=user, event_type=FLAG, data=values, **other)


def population(users, seed):
    """Users who see flags again and again, some of them two variants, and act before and after."""
    choose = random.Random(seed)
    events = []
    for number in range(users):
        user = f"{number:08x}"
        tier = choose.choice(("free", "free", "free", "trial", "paid"))
        service = choose.choice(("mcp", "extension"))
        begin = MONDAY + choose.randrange(50 * DAY)
        common = {"user": user, "service": service}
        events += [
            Event(begin + choose.randrange(30 * DAY), tier=tier, **common)
            for _ in range(choose.randrange(5))
        ]
        arms = {}
        for flag, variants in ARMS.items():
            if choose.random() < 0.3:
                continue
            arms[flag] = choose.choice(variants)
            for _ in range(choose.randrange(1, 4)):
                seen = choose.choice(variants) if choose.random() < 0.05 else arms[flag]
                time = begin + choose.randrange(20 * DAY)
                events.append(exposure(time, user, flag, seen, tier=tier, service=service))
        likely = 0.8 if arms.get("search") == "treatment" else 0.3
        if tier not in PAYING and choose.random() < likely:
            events.append(Event(begin + choose.randrange(40 * DAY), tier="paid", **common))
    choose.shuffle(events)
    return [event for event in events if event.time < END]


def arms_of(events, from_ns, to_ns, tier="", service=""):
    """Users by flag and variant of their first exposure, and those of two variants by flag."""
    seen = defaultdict(list)
    for event in events:
        if event.event_type == FLAG and event.time < to_ns:
            flag, variant = event.data.values()
            seen[flag, event.user].append((event.time, variant, event))
    arms, in_two = defaultdict(dict), Counter()
    for (flag, user), times in seen.items():
        time, variant, first = min(times, key=lambda each: each[:2])
        if time < from_ns or tier not in {"", first.tier} or service not in {"", first.service}:
            continue
        if len({each[1] for each in times}) > 1:
            in_two[flag] += 1
        else:
            arms[flag, variant][user] = time
    return arms, in_two


def outcomes(events, arm, to_ns, window_days, days):
    """Eligible, pending, converted, watched and retained users of one arm."""
    paid, active = {}, defaultdict(list)
    for event in events:
        if event.user in arm:
            if event.tier in PAYING:
                paid[event.user] = min(event.time, paid.get(event.user, event.time))
            if event.active:
                active[event.user].append(event.time)
    unpaid = {u: t for u, t in arm.items() if paid.get(u, to_ns * 2) > t}
    eligible = {u: t for u, t in unpaid.items() if t + window_days * DAY <= to_ns}
    converted = [u for u, t in eligible.items() if paid.get(u, to_ns * 2) <= t + window_days * DAY]
    watched = {u: t for u, t in arm.items() if t + days[1] * DAY <= to_ns}
    retained = [
        u for u, t in watched.items()
        if any(t + days[0] * DAY <= e < t + days[1] * DAY for e in active[u])
    ]  # fmt: skip
    return len(eligible), len(unpaid) - len(eligible), len(converted), len(watched), len(retained)


def assert_estimate(row, control, rate, prefix, counts):
    """A rate, its interval, and its difference to the control, from what was counted."""
    hits, trials = (row[name] for name in counts)
    assert row[rate] == hits / trials
    assert (row[prefix + "low"], row[prefix + "high"]) == pytest.approx(wilson(hits, trials))
    if row is control:
        assert row[prefix + "difference"] is None
        return
    expected = newcombe(hits, trials, *(control[name] for name in counts))
    found = (row[prefix + "difference_low"], row[prefix + "difference_high"])
    assert found == pytest.approx(expected)


@pytest.fixture(scope="module")
def people():
    return population(500, seed=5)


@pytest.fixture(scope="module")
def store(people, tmp_path_factory):
    connection = open_reader(build(tmp_path_factory.mktemp("flags") / "cortex.db", people))
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("when", "filters"),
    [
        ((MONDAY, END), {}),
        ((MONDAY + 5 * DAY + 7, MONDAY + 45 * DAY + 3 * HOUR), {}),
        ((MONDAY, END), {"user_tier": "free"}),
        ((MONDAY, END), {"service": "extension"}),
    ],
)
@pytest.mark.parametrize(("window_days", "days"), [(14, (7, 14)), (3, (1, 2))])
def test_arms(store, people, *, when, filters, window_days, days):
    arms, in_two = arms_of(people, *when, filters.get("user_tier", ""), filters.get("service", ""))
    given = {"from_ns": when[0], "to_ns": when[1], "window_days": window_days, **filters}
    given |= {"return_from_days": days[0], "return_to_days": days[1]}
    rows = {(r["flag"], r["variant"]): r for r in ask(store, "experiment_arms", **given)}
    assert rows.keys() == arms.keys()
    counts = ("eligible_users", "pending_users", "conversions", "watched_users", "retained_users")
    for key, row in rows.items():
        assert row["exposed_users"] == len(arms[key])
        truth = outcomes(people, arms[key], when[1], window_days, days)
        assert tuple(row[name] for name in counts) == truth
        control = rows[key[0], ARMS[key[0]][0]]
        assert_estimate(row, control, "rate", "", ("conversions", "eligible_users"))
        assert_estimate(
            row, control, "retention", "retention_", ("retained_users", "watched_users")
        )
    checks = ask(store, "experiment_checks", **given)
    assert {row["flag"]: row["two_arm_users"] for row in checks} == {
        flag: in_two[flag] for flag in {key[0] for key in arms}
    }


@pytest.mark.parametrize(
    ("counts", "weights"),
    [
        ((1000, 1100), None),  # p = 0.029: no alarm
        ((10, 20), None),
        ((1000, 1200), None),  # p = 0.00002: alarm
        ((900, 100), (9, 1)),
        ((900, 130), (9, 1)),
        ((60, 61, 90), None),
        ((60, 60, 60, 59), None),
        ((30, 30, 70, 30, 30), (1, 1, 2, 1, 1)),
        ((7, 7, 7, 7, 7, 40), None),
    ],
)
def test_the_sample_ratio(store_of, counts, weights):
    events = [
        exposure(MONDAY, f"{arm}{number:06x}", "f", f"v{arm}")
        for arm, count in enumerate(counts) for number in range(count)
    ]  # fmt: skip
    given = {"f": {f"v{arm}": weight for arm, weight in enumerate(weights or ())}}
    asked = {"weights": json.dumps(given)} if weights else {}
    rows = ask(store_of(events), "experiment_checks", **asked)
    shares = weights or [1] * len(counts)
    expected = [sum(counts) * share / sum(shares) for share in shares]
    statistic = sum((o - e) ** 2 / e for o, e in zip(counts, expected, strict=True))
    p = chi_square_tail(statistic, len(counts) - 1)
    for row, count, due in zip(rows, counts, expected, strict=True):
        assert (row["exposed_users"], row["expected_users"]) == (count, pytest.approx(due))
        assert row["chi_square"] == pytest.approx(statistic)
        assert row["p_value"] == pytest.approx(p, rel=1e-3, abs=2e-7)
        assert row["is_mismatch"] == (p < 0.001)


def test_an_arm_without_weight_has_nobody_and_one_without_users_is_missed(store_of):
    events = [exposure(MONDAY, f"{n:04x}", "f", "ab"[n % 2]) for n in range(40)]
    connection = store_of(events)
    rows = ask(connection, "experiment_checks", weights='{"f": {"a": 1}, "other": {"a": 1}}')
    assert [(r["variant"], r["weight"], r["is_mismatch"]) for r in rows] == [
        ("a", 1, 1),
        ("b", 0, 1),
    ]
    rows = ask(connection, "experiment_checks", weights='{"f": {"a": 1, "b": 1, "c": 1}}')
    assert [(r["variant"], r["exposed_users"]) for r in rows] == [("a", 20), ("b", 20), ("c", 0)]
    assert {r["is_mismatch"] for r in rows} == {1}  # chi² = 20 at 2: p = 0.00005


def trial(flag, arms):
    """Arms of (users, conversions): everybody is exposed on Monday, some pay on Tuesday."""
    events = []
    for variant, (users, conversions) in arms.items():
        for number in range(users):
            user = f"{flag}{variant}{number:06x}".encode().hex()[:40]
            events.append(exposure(MONDAY, user, flag, variant))
            if number < conversions:
                events.append(Event(MONDAY + DAY, user=user, tier="paid"))
    return events


@pytest.mark.parametrize(
    ("arms", "verdict", "winner"),
    [
        ({"control": (100, 5), "new": (100, 30)}, "better", "new"),
        ({"control": (100, 30), "new": (100, 5)}, "better", "control"),
        ({"control": (100, 20), "new": (100, 22)}, "no_difference", None),
        ({"control": (100, 20), "new": (100, 20)}, "no_difference", None),
        ({"control": (100, 0), "new": (100, 0)}, "no_difference", None),
        ({"control": (100, 100), "new": (100, 100)}, "no_difference", None),
        ({"control": (48, 0), "new": (50, 40)}, "not_enough_data", None),  # 49 are planned
        ({"control": (49, 0), "new": (49, 40)}, "better", "new"),
        ({"control": (60, 0), "new": (160, 160)}, "sample_ratio_mismatch", None),
        ({"control": (100, 10), "b": (100, 30), "c": (100, 45)}, "better", "c"),
        ({"control": (100, 30), "b": (100, 5), "c": (100, 31)}, "no_difference", None),
        ({"new": (100, 50)}, "not_enough_data", None),
    ],
)
def test_verdicts(store_of, arms, verdict, winner):
    connection = store_of(trial("f", arms))
    (row,) = ask(connection, "experiments", planned_from=0.05, planned_to=0.25)
    assert (row["verdict"], row["winner"], row["planned_users"]) == (verdict, winner, 49)
    assert row["variants"] == len(arms)
    assert row["smallest_arm"] == min(users for users, _ in arms.values())


def test_many_flags_are_corrected(store_of):
    flags = {f"f{n}": {"control": (200, 20), "new": (200, 20 + 2 * n)} for n in range(12)}
    connection = store_of([e for flag, arms in flags.items() for e in trial(flag, arms)])
    rows = {r["flag"]: r for r in ask(connection, "experiments", planned_from=0.1, planned_to=0.3)}
    raw = [two_proportions(20 + 2 * n, 200, 20, 200) for n in range(12)]
    for n, (p, corrected) in enumerate(zip(raw, benjamini_hochberg(raw), strict=True)):
        row = rows[f"f{n}"]
        assert (row["p_value"], row["adjusted_p"]) == pytest.approx((p, corrected), abs=1e-5)
        assert row["verdict"] == ("better" if corrected < 0.05 else "no_difference")
    assert any(p < 0.05 <= q for p, q in zip(raw, benjamini_hochberg(raw), strict=True))


def test_the_planned_number(store_of):
    (row,) = ask(store_of([exposure(MONDAY, "a", "f", "x")]), "experiments")
    assert row["planned_users"] == 2213  # 5 % → 7 % at 80 % power, as G*Power and statsmodels say
    assert (row["verdict"], row["difference"], row["p_value"]) == ("not_enough_data", None, None)


def test_nobody_in_one_arm_alone(store_of):
    events = [exposure(MONDAY + n, "a", "f", variant) for n, variant in enumerate("xy")]
    connection = store_of(events)
    (row,) = ask(connection, "experiments")
    assert (row["two_arm_users"], row["exposed_users"], row["verdict"]) == (1, 0, "not_enough_data")
    assert ask(connection, "experiment_arms") == []


def test_a_first_exposure_before_the_range_is_none_in_it(store_of):
    events = [exposure(MONDAY + day * DAY, "a", "f", "x") for day in (0, 5)]
    assert ask(store_of(events), "experiments", from_ns=MONDAY + DAY) == []


def test_the_control_can_be_named(store_of):
    connection = store_of(trial("f", {"control": (20, 2), "old": (20, 4)}))
    rows = ask(connection, "experiment_arms", control="old")
    assert [(r["variant"], r["difference"]) for r in rows] == [("old", None), ("control", -0.1)]


def test_the_difference_is_the_one_of_statsmodels(store_of):
    connection = store_of(trial("f", {"control": (100, 5), "new": (100, 30)}))
    row = ask(connection, "experiment_arms")[1]
    # statsmodels 0.15.0: confint_proportions_2indep(30, 100, 5, 100, method="newcomb")
    found = (row["difference_low"], row["difference_high"])
    assert found == pytest.approx((0.1481058937494817, 0.34998352879503836), abs=1e-9)


def test_no_flag_no_row(store_of):
    connection = store_of([Event(MONDAY, user="a")])
    for name in ("experiments", "experiment_arms", "experiment_checks"):
        assert ask(connection, name) == []
