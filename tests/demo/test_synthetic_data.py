"""The synthetic data: plausible, reproducible, through the real write path, marked."""

from __future__ import annotations

import datetime as dt
import itertools
import statistics

import apsw
import pytest

from cortex_otel.demo.product import TOOLS
from cortex_otel.demo.synthetic_data import BROKEN_TOOL, SAMPLING, fill, filled_at
from cortex_otel.query.store_facts import store_facts
from cortex_otel.semconv import EVENT_TYPES, TIERS
from cortex_otel_exporters.sqlite.reader import open_reader

#: 2026-11-25T16:20:00Z, a Wednesday; night in Seoul.
NOW_NS = 1_795_623_600 * 10**9
DAY_NS = 86_400 * 10**9
DAYS, USERS = 40, 150


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    database = tmp_path_factory.mktemp("population") / "cortex.db"
    return database, fill(database, days=DAYS, users=USERS, seed=3, now_ns=NOW_NS)


@pytest.fixture(scope="module")
def events(filled):
    return rows_of(filled[0])


def rows_of(database, table="telemetry_events"):
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    cursor = connection.execute(f"SELECT * FROM {table} ORDER BY 1")
    names = [column[0] for column in cursor.get_description()]
    found = [dict(zip(names, row, strict=True)) for row in cursor]
    connection.close()
    return found


@pytest.mark.thorough
def test_the_same_seed_makes_the_same_rows(filled, events, tmp_path):
    again = tmp_path / "again.db"
    facts = fill(again, days=DAYS, users=USERS, seed=3, now_ns=NOW_NS)
    assert facts == filled[1]
    assert rows_of(again) == events


def test_another_seed_makes_others(events, tmp_path):
    other = tmp_path / "other.db"
    fill(other, days=5, users=20, seed=4, now_ns=NOW_NS)
    hashes = {row["user_id_hash"] for row in rows_of(other)}
    assert hashes
    assert hashes.isdisjoint(row["user_id_hash"] for row in events)


def test_facts_are_what_is_stored(filled, events):
    facts = filled[1]
    assert facts.stored == len(events)
    assert facts.users == len({row["user_id_hash"] for row in events})
    assert facts.first_ns == min(row["timestamp"] for row in events)
    assert facts.last_ns == max(row["timestamp"] for row in events)


def test_the_ledger_balances(filled, events):
    connection = open_reader(filled[0])
    ledger = store_facts(connection)["ledger"]["event"]
    connection.close()
    assert ledger["stored"] == len(events)
    assert ledger["sampled_out"] == filled[1].sampled_out > 0
    assert ledger["received"] == ledger["stored"] + ledger["sampled_out"]
    assert not ledger.get("dropped")


def test_nothing_is_outside_of_its_time(events):
    assert all(row["timestamp"] < NOW_NS for row in events)
    begin = (NOW_NS // DAY_NS - DAYS + 1) * DAY_NS
    assert all(row["timestamp"] >= begin for row in events)
    ends = (row["timestamp"] + (row["duration_ms"] or 0) * 1e6 for row in events)
    assert all(end <= NOW_NS for end in ends)


def test_every_kind_of_event_tier_service_and_tool_is_there(events):
    assert {row["event_type"] for row in events} == EVENT_TYPES | {"span"}
    assert {row["user_tier"] for row in events} == set(TIERS)
    assert {row["service"] for row in events} == {"mcp", "extension"}
    assert {row["tool_name"] for row in events} - {None} == TOOLS.keys()
    assert {row["result"] for row in events} == {"success", "error", "timeout", "cancelled"}


def test_each_record_is_marked_as_synthetic(events):
    assert all('"deployment.environment.name":"demo"' in row["resource"] for row in events)


def test_nothing_was_removed_by_redaction(events):
    """What redaction takes for personal would be a hash, and a page of hashes is no demo."""
    tools = [row for row in events if row["event_type"] == "mcp.tool_call"]
    failed = [row for row in tools if row["result"] in ("error", "timeout")]
    assert failed
    for row in failed:
        assert row["error_message"].startswith(f"{row['error_type']} at {row['tool_name']}:run:")
    errors = [row for row in events if row["event_type"] == "ext.error"]
    assert errors
    assert all(row["error_message"].startswith(row["error_type"]) for row in errors)


def test_weights_are_those_of_the_sampling(events):
    for row in events:
        assert row["weight"] == pytest.approx(1 / SAMPLING.get(row["event_type"], 1))
    assert any(row["weight"] > 1 for row in events)


def test_a_week_has_its_rhythm(events):
    by_day = {}
    for row in events:
        day = dt.date.fromordinal(719163 + row["timestamp"] // DAY_NS)
        by_day[day] = by_day.get(day, 0) + 1
    working = statistics.mean(count for day, count in by_day.items() if day.weekday() < 5)
    weekend = statistics.mean(count for day, count in by_day.items() if day.weekday() >= 5)
    assert working > 2 * weekend
    hours = [(row["timestamp"] // (3600 * 10**9) + 9) % 24 for row in events]  # in Seoul
    assert sum(9 <= hour < 18 for hour in hours) > sum(0 <= hour < 9 for hour in hours) * 2


def test_few_do_much(events):
    counts = {}
    for row in events:
        counts[row["user_id_hash"]] = counts.get(row["user_id_hash"], 0) + 1
    heaviest = sorted(counts.values(), reverse=True)
    assert sum(heaviest[: len(heaviest) // 10]) > sum(heaviest) * 0.25


def test_users_upgrade_leave_and_return(events):
    tiers, days = {}, {}
    for row in sorted(events, key=lambda row: row["timestamp"]):
        history = tiers.setdefault(row["user_id_hash"], [])
        if not history or history[-1] != row["user_tier"]:
            history.append(row["user_tier"])
        days.setdefault(row["user_id_hash"], set()).add(row["timestamp"] // DAY_NS)
    steps = {step for history in tiers.values() for step in itertools.pairwise(history)}
    assert {("free", "paid"), ("free", "trial"), ("trial", "paid")} <= steps
    last = NOW_NS // DAY_NS
    assert any(max(seen) < last - 14 for seen in days.values())
    gaps = (b - a for seen in days.values() for a, b in itertools.pairwise(sorted(seen)))
    assert any(gap > 20 for gap in gaps)


def test_some_installed_it_and_never_came_back(events):
    installed = {row["user_id_hash"] for row in events if row["event_type"] == "ext.install"}
    worked = {row["user_id_hash"] for row in events if row["event_type"] == "mcp.tool_call"}
    worked |= {row["user_id_hash"] for row in events if row["event_type"] == "ext.code_insert"}
    assert installed - worked
    assert installed & worked


def test_the_incident_is_in_the_data(filled, events):
    facts = filled[1]
    began, ended = facts.incident
    assert facts.incident_tool == BROKEN_TOOL

    def failed_share(rows):
        rows = [row for row in rows if row["tool_name"] == BROKEN_TOOL and row["kind"] == "server"]
        assert len(rows) > 20
        return sum(row["result"] in ("error", "timeout") for row in rows) / len(rows)

    # A sitting that began in the incident ends in it, even if it takes longer.
    within = [row for row in events if began <= row["timestamp"] < ended]
    before = [row for row in events if row["timestamp"] < began]
    assert failed_share(within) > 0.4
    assert failed_share(before) < 0.08


def test_slow_days_are_slow(filled, events):
    (began, ended), *_ = filled[1].slow_days
    calls = [row for row in events if row["event_type"] == "mcp.tool_call"]
    slow = statistics.median(
        row["duration_ms"] for row in calls if began <= row["timestamp"] < ended
    )
    others = statistics.median(row["duration_ms"] for row in calls if row["timestamp"] < began)
    assert slow > 2 * others


def test_savings_and_acceptance_are_around_their_targets(filled):
    connection = apsw.Connection(str(filled[0]), flags=apsw.SQLITE_OPEN_READONLY)
    totals = dict(
        connection.execute("SELECT measure, sum(total) FROM rollup_measure GROUP BY 1").fetchall()
    )
    connection.close()
    assert 0.62 < 1 - totals["tokens_after"] / totals["tokens_before"] < 0.78
    assert 0.72 < totals["accepted"] / totals["suggested"] < 0.88


def test_the_last_hour_is_alive_at_any_hour(events):
    assert sum(row["timestamp"] > NOW_NS - 3600 * 10**9 for row in events) > 10


def test_a_click_and_its_tool_call_are_one_trace(events):
    traces = {}
    for row in events:
        if row["trace_id"]:
            traces.setdefault(row["trace_id"], []).append(row)
    clicks = [
        rows for rows in traces.values() if {"extension", "mcp"} <= {row["service"] for row in rows}
    ]
    assert len(clicks) > 50
    for rows in clicks:
        spans = {row["span_id"]: row for row in rows if row["kind"] != "event"}
        (root,) = [row for row in spans.values() if not row["parent_span_id"]]
        assert root["event_type"] == "ext.ui_interaction"
        for row in spans.values():
            assert row is root or row["parent_span_id"] in spans
            assert row["timestamp"] >= root["timestamp"]
            end = row["timestamp"] + row["duration_ms"] * 1e6
            assert end <= root["timestamp"] + root["duration_ms"] * 1e6 + 1000


def test_it_reports_progress(tmp_path):
    seen = []
    fill(
        tmp_path / "cortex.db",
        days=3,
        users=5,
        now_ns=NOW_NS,
        progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("days", "users"), [(1, 1), (1, 30), (2, 3)])
def test_small_ones_work(tmp_path, days, users):
    facts = fill(tmp_path / "cortex.db", days=days, users=users, now_ns=NOW_NS)
    assert facts.users <= users


@pytest.mark.parametrize("wrong", [{"days": 0}, {"users": 0}])
def test_less_than_one_is_refused_before_a_file_is_created(tmp_path, wrong):
    with pytest.raises(ValueError, match="at least"):
        fill(tmp_path / "cortex.db", now_ns=NOW_NS, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_incomplete_data_is_detected(tmp_path):
    database = tmp_path / "cortex.db"
    assert filled_at(database) == 0

    def stop(done, _of):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(database, days=4, users=5, now_ns=NOW_NS, progress=stop)
    assert filled_at(database) is None
    fill(tmp_path / "whole.db", days=4, users=5, now_ns=NOW_NS)
    assert filled_at(tmp_path / "whole.db") == NOW_NS
