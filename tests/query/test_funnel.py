"""Funnels: the SQL, the engine and the definition in plain Python give the same rows."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seeding import DAY, HOUR, MONDAY, TIERS, Event, build, user_hash

from cortex_otel.query import analysis
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.errors import QueryParameterError
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.reader import open_reader

FLAG = "feature_flag.evaluation"
KINDS = {
    "mcp.tool_call": ("alpha", "beta"),
    "mcp.search_context": ("",),
    "mcp.branch_create": ("automatic", "manual"),
    "ext.activate": ("vscode",),
    "span": ("",),
    FLAG: ("",),
}
STEPS = (
    "mcp.tool_call", "mcp.tool_call:alpha", "mcp.tool_call:beta", "mcp.search_context",
    "mcp.branch_create:manual", "ext.activate", "tier:free", "tier:trial", "tier:paid",
    "tier:enterprise",
)  # fmt: skip
STEP_HOURS = 2


def muddled_events(seed, count=260, users=9):
    """Events at few instants, so that many are at the same one; stored in any order."""
    choose = random.Random(seed)
    events = []
    for _ in range(count):
        number = choose.randrange(users)
        event_type = choose.choice(list(KINDS))
        at = MONDAY + choose.randrange(60) * STEP_HOURS * HOUR
        tier = TIERS[min(3, number % 3 + (at > MONDAY + number * DAY // 2))]
        data = {}
        if event_type == FLAG:
            data = {
                "feature_flag.key": choose.choice(("new", "old")),
                "feature_flag.result.variant": choose.choice(("a", "b")),
            }
        elif choose.random() < 0.4:
            data = {"cortex.client.name": choose.choice(("cursor", "claude"))}
        events.append(
            Event(
                at,
                service="extension" if event_type.startswith("ext") else "mcp",
                event_type=event_type,
                tool_name="",
                feature=choose.choice(KINDS[event_type]),
                tier=choose.choice((tier, tier, tier, "")),
                user=user_hash(number) if choose.random() < 0.95 else "",
                session=f"{number}-{choose.randrange(3)}",
                ide=("vscode", "cursor")[number % 2],
                weight=10.0 if event_type == "mcp.branch_create" else 1.0,
                data=data,
            )
        )
    return events


@pytest.fixture(scope="module")
def muddled(tmp_path_factory):
    """Stores of muddled events: those, and connections."""
    made = []
    for seed in range(3):
        events = muddled_events(seed)
        path = build(tmp_path_factory.mktemp("muddled") / "cortex.db", events)
        made.append((events, open_reader(path)))
    yield made
    for _, connection in made:
        connection.close()


def both(connection, name, given):
    """The rows of the engine, which are those of the SQL."""
    question = catalogue()[name]
    engine = run(connection, question, given).rows
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(analysis, "is_available", lambda: False)
        assert run(connection, question, given).rows == engine
    return engine


class Truth:
    """A funnel by its definition: every attempt of every user, one after the other."""

    def __init__(self, events, asked):
        self.steps = asked["steps"].split(" > ")
        self.order, self.within = asked["order"], asked["within_s"] * 10**9
        self.asked = asked
        self.as_of = asked["as_of_ns"] or max(asked["to_ns"], *(e.time for e in events))
        self.excluded = [each for each in asked["exclude"].split(" > ") if each]
        self.of_user = defaultdict(list)
        for key, event in enumerate(events):
            if event.user and event.product:
                self.of_user[event.user].append((key, event))
        self.sampled = set()
        self.reached = {}
        self.people = {}
        for user, theirs in self.of_user.items():
            self._one_user(user, theirs)
        opening = self.steps if self.order == "any" else self.steps[:1]
        told = (asked["service"], asked["user_tier"], asked.get("breakdown"))
        if any(told) and any(step.startswith("tier:") for step in opening):
            # What they did as the tier began may have been left out.
            of_users = (event for theirs in self.of_user.values() for _, event in theirs)
            if any(event.weight != 1 for event in of_users):
                self.sampled = set(range(len(self.steps)))

    @staticmethod
    def matches(event, step):
        return step in {event.event_type, f"{event.event_type}:{event.used}"}

    def _one_user(self, user, theirs):
        rows = self._rows(theirs)
        found = {}
        for place, row in enumerate(rows):
            if not self._may_open(row):
                continue
            for step, end in enumerate(self._attempt(rows, place), 1):
                best = found.get(step)
                if best is None or (end, -place) < (best[0], -best[1]):
                    found[step] = (end, place)
        if not found:
            return
        self.reached[user] = {
            step: (rows[end]["time"], rows[start]["time"]) for step, (end, start) in found.items()
        }
        last = max(found)
        start = rows[found[last][1]]
        self.people[user] = {
            "step": last,
            "time": rows[found[last][0]]["time"],
            "pending": start["time"] + self.within > self.as_of,
            "value": self._value(theirs, start["event"]),
        }

    def _rows(self, theirs):
        rows = []
        for key, event in theirs:
            steps = {n for n, step in enumerate(self.steps) if self.matches(event, step)}
            ends = any(self.matches(event, each) for each in self.excluded)
            if steps and event.weight != 1 and self.asked["from_ns"] <= event.time <= self.as_of:
                self.sampled |= steps
            if steps or ends or self.order == "strict":
                rows.append(
                    {"time": event.time, "key": key, "steps": steps, "ends": ends, "event": event}
                )
        for at, steps in self._tiers(theirs).items():
            first = min((key, event) for key, event in theirs if event.time == at)[1]
            rows.append({"time": at, "key": -1, "steps": steps, "ends": False, "event": first})
        rows = [row for row in rows if self.asked["from_ns"] <= row["time"] <= self.as_of]
        return sorted(
            rows, key=lambda row: (row["time"], min(row["steps"], default=98), row["key"])
        )

    def _tiers(self, theirs):
        found = defaultdict(set)
        for n, step in enumerate(self.steps):
            if not step.startswith("tier:"):
                continue
            rank = TIERS.index(step[5:])
            had = sorted(
                (event.time, TIERS.index(event.tier))
                for _, event in theirs
                if event.tier in TIERS and TIERS.index(event.tier) >= rank
            )
            if had and (n or self.order == "any" or had[0][1] == rank):
                found[had[0][0]].add(n)
        return found

    def _may_open(self, row):
        opening = row["steps"] if self.order == "any" else row["steps"] & {0}
        return (
            opening
            and row["time"] < self.asked["to_ns"]
            and self.asked["service"] in {"", row["event"].service}
            and self.asked["user_tier"] in {"", row["event"].tier}
        )

    def _attempt(self, rows, start):
        """Places of the rows at which each step was taken, by an attempt that starts there."""
        inside = []
        for place in range(start, len(rows)):
            if rows[place]["time"] - rows[start]["time"] > self.within:
                break
            if rows[place]["ends"] and place > start:
                break
            inside.append(place)
        if self.order == "any":
            firsts = (
                next((p for p in inside if n in rows[p]["steps"]), None)
                for n in range(len(self.steps))
            )
            return sorted(place for place in firsts if place is not None)
        taken = [start]
        for n in range(1, len(self.steps)):
            together = self.steps[n - 1].startswith("tier:") and self.steps[n].startswith("tier:")
            later = [p for p in inside if p > taken[-1] or (together and p == taken[-1])]
            if self.order == "strict":
                later = later[:1]
            place = next((p for p in later if n in rows[p]["steps"]), None)
            if place is None:
                break
            taken.append(place)
        return taken

    def _value(self, theirs, event):
        ordered = [event for _, event in sorted(theirs, key=lambda each: (each[1].time, each[0]))]
        match self.asked["breakdown"].partition(":"):
            case ("", _, _):
                return ""
            case ("tier", _, _):
                return event.tier
            case ("service" | "ide" as name, _, _):
                return getattr(event, name)
            case ("client", _, _):
                return event.data.get("cortex.client.name", "")
            case ("first_feature", _, _):
                return next((f"{e.event_type}:{e.used}" for e in ordered if e.used), "")
            case (_, _, flag):
                shown = [e.data for e in ordered if e.data.get("feature_flag.key") == flag]
                return shown[0]["feature_flag.result.variant"] if shown else ""

    def name(self, step):
        return str(step) if self.order == "any" else self.steps[step - 1]

    def funnel(self):
        values = defaultdict(list)
        for user, person in self.people.items():
            values[person["value"]].append(user)
        rows = []
        groups = sorted(values.items(), key=lambda each: (-len(each[1]), each[0]))
        for value, users in groups:
            counts = []
            for step in range(1, len(self.steps) + 1):
                far = [u for u in users if self.people[u]["step"] >= step]
                over = [u for u in far if not self.people[u]["pending"]]
                taken = sorted(t - s for t, s in (self.reached[u][step] for u in over))
                counts.append(len(over))
                sampled = self.sampled if self.order == "any" else self.sampled & {step - 1}
                rows.append(
                    (
                        value, step, self.name(step), len(over),
                        len(over) / counts[0] if counts[0] else None,
                        len(over) / counts[-2] if step > 1 and counts[-2] else None,
                        taken[(len(taken) + 1) // 2 - 1] / 1e6 if step > 1 and taken else None,
                        len(far) - len(over),
                        int(bool(sampled)),
                    )
                )  # fmt: skip
        return tuple(rows)

    def users(self, after_step):
        rows = [
            (user, person["step"], self.name(person["step"]), person["time"])
            for user, person in self.people.items()
            if not person["pending"]
            and person["step"] < len(self.steps)
            and after_step in {0, person["step"]}
        ]
        return tuple(sorted(rows, key=lambda row: (-row[3], row[0])))

    def times(self, ends):
        taken = [
            person["time"] - self.reached[user][person["step"]][1]
            for user, person in self.people.items()
            if not person["pending"] and person["step"] == len(self.steps)
        ]
        return [
            sum(after * 10**6 < each <= end * 10**6 for each in taken)
            for after, end in pairwise([-1, *ends])
        ]


def asked_of(steps, **others):
    return {
        "from_ns": 0, "to_ns": MONDAY + 5 * DAY, "service": "", "user_tier": "", "steps": steps,
        "within_s": 86_400, "order": "ordered", "exclude": "", "as_of_ns": 0, **others,
    }  # fmt: skip


@st.composite
def askings(draw):
    order = draw(st.sampled_from(("ordered", "ordered", "any", "strict")))
    allowed = [each for each in STEPS if order == "ordered" or not each.startswith("tier:")]
    steps = draw(st.lists(st.sampled_from(allowed), min_size=1, max_size=6, unique=order == "any"))
    tiers = sorted({s for s in steps if s.startswith("tier:")}, key=lambda s: TIERS.index(s[5:]))
    # Tiers in their order, each once.
    steps = [
        tiers.pop(0) if s.startswith("tier:") else s
        for s in steps
        if tiers or not s.startswith("tier:")
    ]
    if order == "any" and draw(st.booleans()):
        steps = [*steps[:5], "tier:paid"]
    excluded = draw(st.lists(st.sampled_from(STEPS[:6]), max_size=2, unique=True))
    return asked_of(
        " > ".join(steps),
        order=order,
        exclude=" > ".join(each for each in excluded if each not in steps),
        within_s=draw(st.sampled_from((1, 7200, 4 * 7200, 4 * 7200 - 1, 86_400, 30 * 86_400))),
        from_ns=draw(st.sampled_from((0, MONDAY + DAY, MONDAY + DAY + 1))),
        to_ns=MONDAY + draw(st.sampled_from((2 * DAY, 4 * DAY, 9 * DAY))),
        as_of_ns=draw(st.sampled_from((0, MONDAY + 4 * DAY, MONDAY + 4 * DAY + 1))),
        service=draw(st.sampled_from(("", "", "mcp"))),
        user_tier=draw(st.sampled_from(("", "", "trial"))),
        breakdown=draw(
            st.sampled_from(
                ("", "tier", "ide", "client", "service", "first_feature", "variant:new")
            )
        ),
    )


@settings(max_examples=60, deadline=None)
@given(asked=askings(), store=st.integers(0, 2), after_step=st.integers(0, 3))
def test_sql_engine_and_definition_agree(muddled, asked, store, after_step):
    events, connection = muddled[store]
    truth = Truth(events, asked)
    assert both(connection, "funnel", asked) == truth.funnel()
    del asked["breakdown"]
    assert both(connection, "funnel_users", {**asked, "after_step": after_step}) == truth.users(
        after_step
    )
    times = both(connection, "funnel_times", asked)
    if any(truth.times([0, 10**15])):
        assert [users for _, _, users in times] == truth.times([until for until, _, _ in times])
        assert times[-1][0] == asked["within_s"] * 1000
    else:
        assert times == ()


def counts(connection, steps, **others):
    rows = both(connection, "funnel", asked_of(steps, to_ns=MONDAY + 99 * DAY, **others))
    return [row[3] for row in rows]


def happened(*kinds, gap=HOUR):
    return [
        Event(MONDAY + n * gap, event_type=f"mcp.{kind}", user=user_hash(1), feature="")
        for n, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("kinds", "steps", "expected"),
    [
        ("ab", "mcp.a > mcp.b", [1, 1]),
        ("ba", "mcp.a > mcp.b", [1, 0]),
        ("ab", "mcp.a > mcp.a > mcp.b", [1, 0, 0]),
        ("aab", "mcp.a > mcp.a > mcp.b", [1, 1, 1]),
        ("axb", "mcp.a > mcp.b", [1, 1]),
        ("aaab", "mcp.a > mcp.b", [1, 1]),
        ("abc", "mcp.c > mcp.b", [1, 0]),
    ],
)
def test_order_and_repetition(store_of, kinds, steps, expected):
    assert counts(store_of(happened(*kinds)), steps) == expected


@pytest.mark.parametrize(
    ("steps", "others", "expected"),
    [
        ("tier:free > tier:paid", {}, {0}),
        ("tier:free > tier:paid", {"service": "mcp"}, {1}),
        ("tier:free > tier:paid", {"user_tier": "free"}, {1}),
        ("tier:free > tier:paid", {"breakdown": "ide"}, {1}),
        ("mcp.b > tier:paid", {"service": "mcp"}, {0}),
        ("mcp.b > tier:free", {"service": "mcp", "order": "any"}, {1}),
    ],
)
def test_a_tier_with_a_filter_may_miss_who_was_sampled_out(store_of, steps, others, expected):
    # The event that is sampled is no step.
    events = happened(*"xbx")
    for event, tier in zip(events, ("free", "free", "paid"), strict=True):
        event.tier = tier
    asked = asked_of(steps, **others)
    for weight, flags in ((1.0, {0}), (10.0, expected)):
        events[-1].weight = weight
        assert {row[-1] for row in both(store_of(events), "funnel", asked)} == flags


def test_step_one_again_opens_another_attempt(store_of):
    # The first a is too early for b, the second isn't.
    store = store_of(happened(*"axxab"))
    assert counts(store, "mcp.a > mcp.b", within_s=3600) == [1, 1]


@pytest.mark.parametrize(("within_s", "expected"), [(3600, [1, 1]), (3599, [1, 0])])
def test_the_window_is_inclusive(store_of, within_s, expected):
    assert counts(store_of(happened(*"ab")), "mcp.a > mcp.b", within_s=within_s) == expected


def test_at_the_same_instant_steps_are_in_order(store_of):
    assert counts(store_of(happened(*"cba", gap=0)), "mcp.a > mcp.b > mcp.c") == [1, 1, 1]


@pytest.mark.parametrize(("as_of", "users", "pending"), [(3600, 1, 0), (3599, 0, 1)])
def test_who_is_still_inside_the_window_is_pending(store_of, as_of, users, pending):
    store = store_of(happened(*"a"))
    asked = asked_of(
        "mcp.a > mcp.branch_create",
        within_s=3600,
        to_ns=MONDAY + 1,
        as_of_ns=MONDAY + as_of * 10**9,
    )
    row = both(store, "funnel", asked)[0]
    assert (row[3], row[7]) == (users, pending)


def test_nobody_gives_no_rows_and_nobody_further_a_null_rate(store_of):
    steps = "mcp.a > mcp.branch_create > mcp.update_memory"
    assert both(store_of([]), "funnel", asked_of(steps)) == ()
    asked = asked_of(steps, within_s=60, as_of_ns=MONDAY + DAY)
    assert both(store_of(happened(*"a")), "funnel", asked) == (
        ("", 1, "mcp.a", 1, 1.0, None, None, 0, 0),
        ("", 2, "mcp.branch_create", 0, 0.0, 0.0, None, 0, 0),
        ("", 3, "mcp.update_memory", 0, 0.0, None, None, 0, 0),
    )


def test_bars_say_how_long(store_of):
    asked = asked_of("mcp.a > mcp.b", within_s=7 * 3600 + 30)
    rows = both(store_of(happened(*"ab")), "funnel_times", asked)
    assert [row[1] for row in rows] == [
        "≤ 1 min", "1–5 min", "5–15 min", "15 min – 1 h", "1–3 h", "3–6 h", "6 h – 25230 s",
    ]  # fmt: skip
    assert [row[2] for row in rows] == [0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        (("free", "trial", "paid"), [1, 1, 1]),
        (("free", "paid"), [1, 1, 1]),
        (("free", "enterprise"), [1, 1, 1]),
        (("paid", "free"), []),
        (("trial", "paid"), []),
        (("free", "paid", "free", "paid"), [1, 1, 1]),
        (("free",), [1, 0, 0]),
        (("", "free"), [1, 0, 0]),
    ],
)
def test_the_default_funnel_is_by_tier_history(store_of, tiers, expected):
    store = store_of(
        [Event(MONDAY + n * DAY, tier=tier, user=user_hash(1)) for n, tier in enumerate(tiers)]
    )
    rows = both(store, "funnel", {"to_ns": MONDAY + 99 * DAY})
    assert [row[3] for row in rows] == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": ""}, "needs steps"),
        ({"steps": "[]"}, "needs steps"),
        ({"steps": "[1]"}, "isn't a JSON array of texts"),
        ({"steps": '["mcp.a"'}, "isn't a JSON array of texts"),
        ({"steps": " > ".join(["mcp.a"] * 7)}, "at most 6 steps"),
        ({"steps": "Mcp A"}, "isn't a step"),
        ({"steps": "mcp.a >  > mcp.b"}, "isn't a step"),
        ({"steps": "tier:gold"}, "isn't a tier"),
        ({"steps": "span"}, "isn't use of the product"),
        ({"steps": "tier:paid > tier:paid"}, "can't follow"),
        ({"steps": "tier:paid > mcp.a > tier:free"}, "can't follow"),
        ({"steps": "tier:free > mcp.a", "order": "strict"}, "use order=ordered"),
        ({"steps": "mcp.a > mcp.a", "order": "any"}, "can't be there twice"),
        ({"steps": "mcp.a > mcp.b", "exclude": "mcp.b"}, "excluded at once"),
        ({"exclude": "tier:paid"}, "can't be excluded"),
        ({"within_s": 0}, "isn't a window"),
        ({"within_s": -5}, "isn't a window"),
        ({"within_s": 10**12}, "isn't a window"),
        ({"order": "random"}, "use ordered, any, strict"),
        ({"breakdown": "colour"}, "isn't known"),
        ({"breakdown": "variant:"}, "isn't known"),
        ({"breakdown": "variant:never"}, "no evaluation of the flag 'never'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_advice(muddled, given, message):
    with pytest.raises(QueryParameterError, match=message):
        run(muddled[0][1], catalogue()["funnel"], given)


@pytest.mark.parametrize(
    ("parameter", "asked", "close"),
    [
        ("steps", asked_of("mcp.a > mcp.tool_cal"), "mcp.tool_call"),
        ("steps", asked_of("search"), "mcp.tool_call:search"),
        ("steps", asked_of("mcp.tool_call:serch > tier:paid"), "mcp.tool_call:search"),
        ("exclude", asked_of("mcp.a", exclude="ext.eror"), "ext.error"),
    ],
)
def test_a_step_that_nobody_saw_is_refused_with_the_nearest(store_of, parameter, asked, close):
    store = store_of(
        [
            *happened(*"a"),
            Event(MONDAY, event_type="mcp.tool_call", user=user_hash(2), feature="search"),
        ]
    )
    with pytest.raises(QueryParameterError, match=rf"did you mean {close}\?") as caught:
        run(store, catalogue()["funnel"], asked)
    assert caught.value.parameter == parameter
