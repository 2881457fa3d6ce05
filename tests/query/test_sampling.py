"""What is counted once is exact at any sampling rate; what is counted is unbiased."""

from __future__ import annotations

import contextlib
import math
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from counting import ask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seeding import DAY, HOUR, MONDAY, random_events

from cortex_otel.process.sample import TraceSampler
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.formats import as_json
from cortex_otel.query.runner import run
from cortex_otel.query.sampling import half_width_of_rate, sampling_of
from cortex_otel.show.sampling_note import count_note, sampling_note
from cortex_otel_exporters.presence import Presences
from cortex_otel_exporters.record import Context, Record, Series, Session
from cortex_otel_exporters.sqlite.reader import open_reader
from cortex_otel_exporters.sqlite.store import Store

DAYS = 40
RANGE = {"from_ns": MONDAY, "to_ns": MONDAY + DAYS * DAY}
SERVICE = {"service": "mcp"}


class Sink:
    def __init__(self, path):
        self.records, self.presences = [], Presences(1 << 30)
        self.store = Store(path, synchronous="OFF")

    def submit(self, record):
        self.records.append(record)
        return True

    def sample_out(self, record):
        self.presences.add(record)

    def write(self):
        received = Counter({("event", "received", ""): len(self.records)})
        outcome = self.store.write(self.records, [], received, presences=self.presences.take())
        assert (outcome.trouble, outcome.refused) == ("", 0)
        self.records = []


def record_of(event, number):
    series = Series(
        event.service, event.event_type, event.name, event.tool_name, event.used, event.tier,
        event.result, "INFO", "server", event.error_type,
    )  # fmt: skip
    return Record(
        event.time, event.duration, series, Context("s@1", "{}", "", "", "{}"),
        Session(event.session, "linux", event.ide), event.user, number + 1, number + 1, 0, 1.0,
        "", {}, tuple(event.measures.items()),
    )  # fmt: skip


def stored(path, records, rate, batch=600):
    sink = Sink(path)
    sampler = TraceSampler({"*": rate}, sink, random.Random(5).random)
    for number, each in enumerate(records):
        sampler.submit(each)
        if number % batch == batch - 1:
            sink.write()
    sink.write()
    sink.store.close()
    return open_reader(path)


#: What answers have no event in them: all columns, or those named. A funnel of tiers is one as long
#: as nothing but the tier history tells who takes its first step.
EXACT = {
    "dau": (), "mau": (), "active_users": (), "new_users": (), "retention": (), "conversion": (),
    "funnel": (), "user_summary": (), "session_length": (), "installs": (), "inactive_users": (),
    "ides": (), "tiers": ("user_tier", "users", "user_share"),
    "services": ("service", "users"),
    "features": ("service", "event_type", "feature", "users"),
    "ui_interactions": ("interaction", "users"),
    "overview": ("active_users", "sessions"),
    "extension_summary": ("active_users", "sessions", "avg_session_ms"),
    "users": ("user_id_hash", "user_tier", "last_active", "active_days"),
    "sessions": ("session_id", "user_id_hash", "service", "user_tier", "start_time", "end_time",
                 "ide", "part"),
}  # fmt: skip


def exact(reader, **filters):
    found = {}
    for name, columns in EXACT.items():
        of = {key: value for key, value in filters.items() if (name, key) not in UNKNOWN}
        if name == "active_users":
            of.pop("from_ns")
        rows = ask(reader, name, **of)
        if columns:
            rows = [{column: row[column] for column in columns} for row in rows]
        # Where rows are in the order of a count, that isn't exact.
        found[name] = sorted(rows, key=repr)
    return found


UNKNOWN = {("tiers", "user_tier")}

#: Which service somebody used in that moment, only the event says.
OF_EVENTS_IF_FILTERED = {"funnel"}

#: Answers of which single columns are exact, too: no error is left out.
ERRORS = {"overview": "errors", "services": "errors", "tiers": "errors"}
UNBIASED = {
    "overview": ("events", "avg_ms", "error_rate"),
    "mcp_summary": ("calls", "error_rate", "savings_rate", "accuracy"),
}


@pytest.mark.parametrize("rate", [0.1, 0.01])
def test_what_is_counted_once_is_exact(tmp_path, rate):
    events = random_events(1800, days=DAYS, users=40, seed=11)
    for event in events:
        event.weight = 1.0
        event.ide = ("vscode", "cursor")[ord(event.user[:1] or "0") % 2]
    records = [record_of(event, number) for number, event in enumerate(events)]
    whole = stored(tmp_path / "whole" / "cortex.db", records, 1.0)
    sampled = stored(tmp_path / "sampled" / "cortex.db", records, rate)
    with contextlib.closing(whole), contextlib.closing(sampled):
        (kept,) = sampled.execute("SELECT count(*) FROM events").fetchone()
        assert kept < len(records) / 2
        for filters in ({}, SERVICE):
            asked = RANGE | filters
            expected = exact(whole, **asked)
            assert all(expected[name] for name in ("dau", "sessions", "features", "conversion"))
            found = exact(sampled, **asked)
            of_events = OF_EVENTS_IF_FILTERED if filters else set()
            assert {name for name in EXACT if found[name] != expected[name]} == of_events
            for name in of_events:  # fewer, never others
                assert all(map(at_most, found[name], expected[name]))
        both = [
            {frozenset((row["tool_name"], row["with_tool"])): row["sessions"] for row in rows}
            for rows in (ask(reader, "tools_together", **RANGE) for reader in (sampled, whole))
        ]
        assert sum(both[0].values()) < sum(both[1].values())
        assert all(sessions <= both[1].get(pair, 0) for pair, sessions in both[0].items())


def at_most(sampled, whole):
    assert sampled["step"] == whole["step"]
    return sampled["users"] <= whole["users"]


TABLES = [
    """
    SELECT session_id, part, start_time, end_time, user_id_hash, user_tier
    FROM telemetry_user_sessions ORDER BY 1, 2
    """,
    "SELECT user_id_hash, first_seen, first_active FROM users ORDER BY 1",
    """
    SELECT user_id_hash, user_tier, t.first_seen, last_seen
    FROM user_tiers t JOIN users USING (user_key) ORDER BY 1, 2
    """,
    """
    SELECT day, user_id_hash, user_tier, first_time, last_time, half_hours
    FROM rollup_user_day JOIN users USING (user_key) JOIN segments USING (segment_key)
    ORDER BY 1, 2, 3
    """,
    """
    SELECT user_id_hash, user_tier, feature, block, days
    FROM rollup_user_feature_days JOIN users USING (user_key) JOIN segments USING (segment_key)
    JOIN features USING (feature_key) ORDER BY 1, 2, 3, 4
    """,
]


def means(samples):
    count = len(samples)
    mean = sum(samples) / count
    return mean, math.sqrt(sum((one - mean) ** 2 for one in samples) / (count - 1) / count)


def test_counts_and_rates_are_unbiased_and_errors_exact(tmp_path):
    events = random_events(600, days=3, users=20, seed=4)
    for event in events:
        event.weight = 1.0
    records = [record_of(event, number) for number, event in enumerate(events)]
    asked = {"from_ns": MONDAY, "to_ns": MONDAY + 3 * DAY}
    answers, totals = [], []
    for sample in range(9):
        # Of each sample other traces: their ids decide.
        some = [one._replace(trace_id=one.trace_id * (sample * 2 + 1)) for one in records]
        rate = 1.0 if not sample else 0.4
        with contextlib.closing(stored(tmp_path / f"{sample}" / "cortex.db", some, rate)) as reader:
            answers.append({name: ask(reader, name, **asked) for name in {*UNBIASED, *ERRORS}})
            totals.append(reader.execute(STANDARD_ERROR).fetchone())
    whole, *samples = answers
    for name, columns in UNBIASED.items():
        for column in columns:
            mean, error = means([one[name][0][column] for one in samples])
            assert error > 0
            assert abs(mean - whole[name][0][column]) < 4 * error, (name, column)
    for name, column in ERRORS.items():
        key = [each for each in ("service", "user_tier") if each in whole[name][0]]
        errors = [sorted((*map(row.get, key), row[column]) for row in one[name]) for one in answers]
        assert all(one == errors[0] for one in errors)
    # So is a rate of which failures are always kept, and its interval holds what it says.
    rates = [one["overview"][0]["error_rate"] for one in samples]
    bound = half_width_of_rate(whole["overview"][0]["rated"], 1 / rate)
    truth = whole["overview"][0]["error_rate"]
    assert sum(abs(one - truth) > bound for one in rates) <= len(rates) / 10
    # The documented interval is as wide as the samples lie apart.
    counts = [count for count, _ in totals[1:]]
    spread = means(counts)[1] * math.sqrt(len(counts))
    assert totals[0][1] == 0
    assert 0.5 < spread / totals[1][1] < 2


DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "sampling.md"
STANDARD_ERROR = re.sub(
    r" AND timestamp.*", "", re.search(r"```sql\n(.*?);\n", DOCUMENT.read_text(), re.DOTALL)[1]
)


def test_each_row_of_the_table_is_tested():
    rows = re.findall(r"^\| (.*) \| (.*) \| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    by_worth = {}
    for _, worth, answers in rows[2:]:
        by_worth.setdefault(worth, []).append(answers)
    exact_ones = [one for one in by_worth["exact"] if not one.startswith("`errors` of")]
    named = {name for one in exact_ones for name in re.findall(r"`(\w+)`", one)}
    assert named == EXACT.keys()
    assert [one for one in by_worth["exact"] if one not in exact_ones] == [
        "`errors` of " + ", ".join(f"`{name}`" for name in ERRORS)
    ]
    unbiased = {name for one in by_worth["unbiased"] for name in re.findall(r"`(\w+)`", one)}
    assert unbiased == {*UNBIASED, *(column for of in UNBIASED.values() for column in of)}
    assert by_worth["of sampled events"] == [
        "`tools_together`",
        "`active_users` of `overview`",
        "`funnel`",
        "`tools`, `last_active` of `user_totals`",
    ]
    assert sum(map(len, by_worth.values())) == len(rows) - 2
    assert by_worth.keys() == {
        "exact",
        "unbiased",
        "estimated from the events kept, by weight",
        "of sampled events",
    }


def test_numbers_of_sampled_events_say_so(tmp_path):
    """With a bound that the true count keeps to, and that is no wider than it need be."""
    events = random_events(3000, days=3, users=20, seed=4)
    for event in events:
        event.weight = 1.0
    records = [record_of(event, number) for number, event in enumerate(events)]
    asked = {"from_ns": MONDAY, "to_ns": MONDAY + 3 * DAY}
    results = []
    for rate in (1.0, 0.2):
        with contextlib.closing(
            stored(tmp_path / f"{rate}" / "cortex.db", records, rate)
        ) as reader:
            found = {name: run(reader, catalogue()[name], asked) for name in ("overview", "dau")}
            ends = {"from_ns": MONDAY + HOUR // 4, "to_ns": MONDAY + 2 * DAY}
            cut = run(reader, catalogue()["dau"], {**asked, **ends})
            (error,) = reader.execute(STANDARD_ERROR).fetchone()[1:]
            results.append((found, cut, error))
    (whole, whole_cut, _), (sampled, sampled_cut, error) = results
    for result in (*whole.values(), whole_cut, sampled["dau"]):
        assert sampling_of(result) is None
        assert sampling_note(result, "en") is None
    told = sampling_of(sampled["overview"])
    assert told["weight"] == pytest.approx(5)
    assert told["count"] == max(
        sampled["overview"].records()[0][name] for name in ("events", "timed")
    )
    assert 1.96 * error <= told["half_width"] < 1.5 * 1.96 * error
    assert abs(told["count"] - whole["overview"].records()[0]["events"]) < told["half_width"]
    rates = [one["overview"].records()[0]["error_rate"] for one in (whole, sampled)]
    assert 0 < abs(rates[0] - rates[1]) < told["rate_half_width"] < 0.1
    assert as_json(sampled["overview"], 0, 1)["sampling"] == told
    note = sampling_note(sampled["overview"], "en")
    assert f"to within ± {100 * told['rate_half_width']:.2g} percentage points (95 %)" in note
    assert sampled_cut.cuts_half_hours
    assert "half hours" in sampling_note(sampled_cut, "en")


@pytest.mark.parametrize(
    ("count", "weight", "points"), [(1, 100, "100"), (200, 10, "21"), (10**7, 10, "0.093")]
)
def test_a_rate_is_off_by_no_more_than_all(count, weight, points):
    found = {
        "count": count, "half_width": 1, "rate_half_width": half_width_of_rate(count, weight),
    }  # fmt: skip
    assert f"± {points} percentage points" in count_note(found, "en")


def test_single_events_are_those_that_were_kept(tmp_path):
    events = random_events(600, days=2, users=1, seed=4)
    for event in events:
        event.weight, event.user = 1.0, "ab" * 32
    records = [record_of(event, number) for number, event in enumerate(events)]
    asked = {"from_ns": MONDAY, "to_ns": MONDAY + 2 * DAY, "user": "ab"}
    found = []
    for rate in (1.0, 0.02):
        with contextlib.closing(
            stored(tmp_path / f"{rate}" / "cortex.db", records, rate)
        ) as reader:
            found += ask(reader, "user_totals", **asked)
            (p50,) = (row["p50_ms"] for row in ask(reader, "overview", **RANGE))
            found[-1]["p50_ms"] = p50
    whole, sampled = found
    assert sampled["last_active"] < whole["last_active"]
    assert sampled["tools"] <= whole["tools"]
    assert sampled["sessions"] == whole["sessions"]
    assert whole["p50_ms"] / 3 < sampled["p50_ms"] < whole["p50_ms"] * 3


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([1, HOUR // 3, HOUR // 2, HOUR // 2 + 1, 25 * HOUR, 8 * DAY]),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["free", "trial", "paid"]),
            st.sampled_from(["mcp.tool_call", "mcp.update_memory", "feature_flag.evaluation"]),
            st.sampled_from([None, 0, HOUR // 2, 30 * HOUR]),
        ),
        min_size=1,
        max_size=25,
    ),
    rate=st.sampled_from([0.01, 0.5]),
    order=st.randoms(use_true_random=False),
)
def test_any_stream_gives_the_same_whatever_is_left_out(tmp_path_factory, steps, rate, order):
    records, at = [], MONDAY
    for number, (step, user, tier, event_type, duration) in enumerate(steps):
        at += step
        series = Series(
            "mcp", event_type, "n", "", "find" if event_type == "mcp.tool_call" else "", tier,
            "success", "INFO", "server", "",
        )  # fmt: skip
        records.append(
            Record(
                at,
                duration,
                series,
                Context("", "{}", "", "", "{}"),
                Session(user),
                user * 64,
                number + 1,
                number + 1,
                0,
                1.0,
                "",
                {},
            )
        )
    order.shuffle(records)
    home = tmp_path_factory.mktemp("home")
    found = []
    for name, kept in (("whole", 1.0), ("sampled", rate)):
        reader = stored(home / name / "cortex.db", records, kept, batch=7)
        found.append([list(reader.execute(sql)) for sql in TABLES])
        reader.close()
    assert found[0] == found[1]
