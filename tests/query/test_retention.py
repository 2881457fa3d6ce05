"""Retention by any pair of events: the SQL, the engine and the definition give the same rows."""

from __future__ import annotations

import random
from collections import defaultdict
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inference import wilson
from seeding import DAY, HOUR, TIERS, Event, build, user_hash

from cortex_otel.query import analysis
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.errors import QueryParameterError
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.reader import open_reader

#: 2026-02-16T00:00:00Z, three weeks before the clocks of New York change.
BEGIN = 1_771_200_000 * 10**9
EPOCH = date(1970, 1, 1)
ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Asia/Kathmandu")
EVENTS = ("", "mcp.tool_call", "mcp.tool_call:alpha", "mcp.search_context", "ext.install")


def visits(seed, count=400, days=75):
    choose = random.Random(seed)
    events = []
    for _ in range(count):
        number = min(int(choose.expovariate(0.12)), 24)
        at = BEGIN + (number % 5) * 7 * DAY + int(choose.random() ** 2 * days * DAY)
        # Many at the edges of days, in one zone or another.
        if choose.random() < 0.4:
            edge = choose.choice((0, 5, 15)) * HOUR + choose.choice((0, -(15 * HOUR) // 60))
            at = at // DAY * DAY + edge - choose.choice((0, 1))
        events.append(
            Event(
                at,
                event_type=choose.choice(
                    ("mcp.tool_call", "mcp.tool_call", "mcp.search_context", "ext.install", "span")
                ),
                feature=choose.choice(("alpha", "beta")),
                tier=TIERS[min(3, number % 2 + (at > BEGIN + 30 * DAY))],
                service=choose.choice(("mcp", "extension")),
                user=user_hash(number) if number else "",
                session=f"{number} {at % 2}",
                ide=("vscode", "cursor", "")[(number + at % 2) % 3],
            )
        )
        if choose.random() < 0.1:
            arm = {"feature_flag.key": "f", "feature_flag.result.variant": choose.choice("ab")}
            seen = replace(events[-1], event_type="feature_flag.evaluation", feature="", data=arm)
            events.append(seen)
    return events


@pytest.fixture(scope="module")
def visited(tmp_path_factory):
    made = []
    for seed in range(2):
        events = visits(seed)
        made.append(
            (events, open_reader(build(tmp_path_factory.mktemp("v") / "cortex.db", events)))
        )
    yield made
    for _, connection in made:
        connection.close()


def both(connection, name, given):
    question = catalogue()[name]
    engine = run(connection, question, given).rows
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(analysis, "is_available", lambda: False)
        assert run(connection, question, given).rows == engine
    return engine


def local_day(at, zone):
    # Whole microseconds: at the edges of days there is nothing finer.
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at // 1000)
    return moment.astimezone(ZoneInfo(zone)).date()


class Truth:
    def __init__(self, events, asked):
        self.events, self.asked = events, asked
        zone = asked["time_zone"]
        self.last_day = local_day(asked["to_ns"], zone)
        active = [e for e in events if e.user and e.active]
        product = [e for e in events if e.user and e.product]
        first_day = local_day(min(e.time for e in product), zone)
        self.starts, self.returns = defaultdict(set), defaultdict(set)
        self.chosen = defaultdict(set)
        for of, step, marks in (
            (active, "start", self.starts), (active, "return_event", self.returns),
        ):  # fmt: skip
            wanted = asked[step]
            for event in product if wanted else of:
                day = local_day(event.time, zone)
                names = {event.event_type, f"{event.event_type}:{event.used}"}
                if day > self.last_day or (wanted and wanted not in names):
                    continue
                marks[event.user].add(self.period(day))
                if step == "start" and (
                    asked["service"] in {"", event.service}
                    and asked["user_tier"] in {"", event.tier}
                ):
                    self.chosen[event.user].add(self.period(day))
        self.first = self.period(max(first_day, local_day(asked["from_ns"], zone)))
        self.last = self.period(self.last_day)
        self.shown = self.period(local_day(asked["to_ns"] - 1000, zone))

    def period(self, day):
        """Its first day."""
        match self.asked["period"]:
            case "day":
                return day
            case "week":
                return day - timedelta(days=(day.isoweekday() - self.asked["week_start"]) % 7)
        return day.replace(day=1)

    def next(self, period):
        return self.period(
            period + timedelta(days={"day": 1, "week": 7, "month": 31}[self.asked["period"]])
        )

    def cohorts(self):
        members = defaultdict(set)
        for user, periods in self.starts.items():
            of = periods if self.asked["cohort_kind"] == "recurring" else {min(periods)}
            for period in of & self.chosen[user]:
                members[period].add(user)
        return {k: v for k, v in sorted(members.items()) if self.first <= k <= self.shown}

    def cells(self):
        for cohort, users in self.cohorts().items():
            period, number = cohort, 0
            while period <= self.shown:
                active = None
                if period < self.last:
                    came = {
                        user
                        for user in users
                        for back in self.returns[user]
                        if back < self.last
                        and (back == period or (self.asked["mode"] != "on" and back > period))
                    }
                    active = len(came)
                yield (cohort - EPOCH).days, number, len(users), active
                period, number = self.next(period), number + 1

    def retention(self):
        return tuple(
            (*cell, None if cell[3] is None else cell[3] / cell[2]) for cell in self.cells()
        )

    def curve(self):
        totals = defaultdict(lambda: [0, 0])
        for _, number, size, active in self.cells():
            if active is not None:
                totals[number][0] += size
                totals[number][1] += active
        return tuple(
            (k, str(k), size, active, active / size) for k, (size, active) in sorted(totals.items())
        )

    def groups(self, breakdown):
        """Rows of each group; those who are in it, with all that they did."""
        of = defaultdict(set)
        for user in self.starts:
            for group in groups_of([e for e in self.events if e.user == user], breakdown) or {""}:
                of[group].add(user)
        found = {}
        for group, users in of.items():
            inside = copy(self)
            inside.starts = {user: self.starts[user] for user in users}
            found[group] = [(group, k, *row) for k, _, *row in inside.curve()]
        sizes = {group: max((row[2] for row in rows), default=0) for group, rows in found.items()}
        order = sorted(found, key=lambda group: (-sizes[group], group))
        return [row for group in order for row in found[group]]


def groups_of(events, breakdown):
    """The groups of a user, from what they did in order of time."""
    product = [event for event in events if event.product]
    match breakdown:
        case "tier":
            return {min(product, key=lambda e: (e.time, TIERS.index(e.tier))).tier}
        case "ide":
            known = [event for event in events if event.ide]
            return {min(known, key=lambda e: e.time).ide} if known else set()
        case "first_week_feature":
            active = [event for event in product if event.active]
            week = min(event.time for event in active) // DAY + 7 if active else 0
            return {f"{e.event_type}:{e.used}" for e in active if e.used and e.time // DAY < week}
    seen = [event for event in product if event.event_type == "feature_flag.evaluation"]
    return {min(seen, key=lambda e: e.time).data["feature_flag.result.variant"]} if seen else set()


askings = st.fixed_dictionaries(
    {
        "from_ns": st.sampled_from((0, BEGIN + 10 * DAY, BEGIN + 25 * DAY + 1)),
        "to_ns": st.sampled_from((BEGIN + 30 * DAY, BEGIN + 55 * DAY + 5 * HOUR, BEGIN + 99 * DAY)),
        "service": st.sampled_from(("", "", "mcp")),
        "user_tier": st.sampled_from(("", "", "free")),
        "time_zone": st.sampled_from(ZONES),
        "period": st.sampled_from(("day", "week", "month")),
        "start": st.sampled_from(EVENTS),
        "return_event": st.sampled_from(EVENTS),
        "mode": st.sampled_from(("on", "on_or_after")),
        "cohort_kind": st.sampled_from(("first", "recurring")),
        "week_start": st.sampled_from((1, 7, 6)),
    }
)


@settings(max_examples=50, deadline=None)
@given(asked=askings, store=st.integers(0, 1))
def test_sql_engine_and_definition_agree(visited, asked, store):
    events, connection = visited[store]
    truth = Truth(events, asked)
    assert both(connection, "retention", asked) == truth.retention()
    assert both(connection, "retention_curve", asked) == truth.curve()


@settings(max_examples=40, deadline=None)
@given(
    asked=askings,
    store=st.integers(0, 1),
    breakdown=st.sampled_from(("tier", "ide", "first_week_feature", "variant:f")),
)
def test_groups_agree_with_their_definition(visited, asked, store, breakdown):
    events, connection = visited[store]
    rows = both(connection, "retention_groups", {**asked, "breakdown": breakdown})
    assert [row[:5] for row in rows] == Truth(events, asked).groups(breakdown)
    for *_, users, active, _, low, high in rows:
        assert (low, high) == pytest.approx(wilson(active, users), abs=1e-9)


def test_a_flag_that_nobody_saw(visited):
    for name, asked in (
        ("retention_groups", {"breakdown": "variant:g"}),
        ("experiments", {"flag": "g"}),
        ("experiment_arms", {"flag": "g"}),
        ("experiment_checks", {"flag": "g"}),
    ):
        with pytest.raises(QueryParameterError, match="no evaluation of the flag 'g'"):
            run(visited[0][1], catalogue()[name], asked)


def test_nobody(store_of):
    for start in ("", "mcp.tool_call"):
        given = {"start": start, "to_ns": BEGIN}
        assert both(store_of([]), "retention", given) == ()
        assert both(store_of([]), "retention_curve", given) == ()


def test_from_sunday_to_monday_is_week_one(store_of):
    sunday = BEGIN + 6 * DAY + 23 * HOUR
    store = store_of([Event(at, user=user_hash(1)) for at in (sunday, sunday + HOUR)])
    rows = both(store, "retention", {"to_ns": BEGIN + 21 * DAY, "start": "mcp.tool_call"})
    assert [(period, active) for _, period, _, active, _ in rows] == [
        (0, 1),
        (1, 1),
        (2, 0),
    ]


def test_what_was_before_the_range_decides_what_is_first(store_of):
    events = [Event(BEGIN + n * 7 * DAY, user=user_hash(1)) for n in range(4)]
    given = {"from_ns": BEGIN + 7 * DAY, "to_ns": BEGIN + 28 * DAY, "return_event": "mcp.tool_call"}
    store = store_of(events)
    assert both(store, "retention", given) == ()
    assert len(both(store, "retention", {**given, "cohort_kind": "recurring"})) == 6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"start": "tier:paid"}, "is a tier"),
        ({"return_event": "Not An Event"}, "isn't a step"),
        ({"start": "log"}, "isn't use of the product"),
        ({"week_start": 0}, "out of bounds: use 1 to 7"),
        ({"week_start": 8}, "out of bounds: use 1 to 7"),
        ({"period": "year"}, "use day, week, month"),
        ({"mode": "never"}, "use on, on_or_after"),
        ({"time_zone": "Asia/Atlantis"}, "isn't a time zone"),
    ],
)
def test_what_makes_no_sense_is_refused_with_advice(visited, given, message):
    for name in ("retention", "retention_curve"):
        with pytest.raises(QueryParameterError, match=message):
            run(visited[0][1], catalogue()[name], given)
