"""What is counted once is exact at any sampling rate; what is counted is unbiased."""

from __future__ import annotations

import contextlib
import random
from collections import Counter

import pytest
from counting import ask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seeding import DAY, HOUR, MONDAY, random_events

from cortex_otel.process.sample import TraceSampler
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


def stored(path, records, rate, batch=500):
    sink = Sink(path)
    sampler = TraceSampler({"*": rate}, sink, random.Random(5).random)
    for number, each in enumerate(records):
        sampler.submit(each)
        if number % batch == batch - 1:
            sink.write()
    sink.write()
    sink.store.close()
    return open_reader(path)


#: What answers have no event in them: all columns, or those named.
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


@pytest.mark.parametrize("rate", [0.1, 0.01])
def test_what_is_counted_once_is_exact(tmp_path, rate):
    events = random_events(3000, days=DAYS, users=60, seed=11)
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
            assert [name for name in EXACT if found[name] != expected[name]] == []
        pairs = "tool_name", "with_tool", "users"
        for reader in (whole, sampled):
            assert ask(reader, "tool_pairs", **RANGE)
        most = [{tuple(row[c] for c in pairs) for row in ask(r, "tool_pairs", **RANGE)}
                for r in (whole, sampled)]  # fmt: skip
        assert {frozenset(row[:2]): row[2] for row in most[0]} == {
            frozenset(row[:2]): row[2] for row in most[1]
        }


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


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
