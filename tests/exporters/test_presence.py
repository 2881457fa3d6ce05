"""What the writer keeps of events that were sampled out, and what becomes of it in trouble."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from store_kit import DAY, MONDAY, SERIES, SESSION, USER, held, ledger, record, rows

from cortex_otel.settings import read_environment
from cortex_otel_exporters.presence import Presence, Presences
from cortex_otel_exporters.sqlite import buffer
from cortex_otel_exporters.sqlite.store import Store

USERS = "SELECT user_id_hash FROM users WHERE first_active IS NOT NULL ORDER BY 1"


def test_what_is_sampled_out_leaves_its_user_session_and_feature_but_no_row(path, writer):
    writer.sample_out(record(0))
    writer.sample_out(record(60_000))
    assert writer.force_flush()
    assert rows(path, "SELECT count(*) FROM events") == [(0,)]
    assert rows(path, "SELECT count(*) FROM series") == [(0,)]
    assert rows(path, "SELECT count(*) FROM rollup_hour") == [(0,)]
    assert ledger(path) == {"received": 2, "sampled_out": 2}
    assert rows(
        path, "SELECT session_id, user_id_hash, start_time, end_time, event_count, error_count"
        " FROM telemetry_user_sessions",
    ) == [("session-1", USER, MONDAY, MONDAY + 60_005_000_000, 0, 0)]  # fmt: skip
    sql = "SELECT events, errors, first_time, last_time, half_hours FROM rollup_user_day"
    assert rows(path, sql) == [(0, 0, MONDAY, MONDAY + 60_000_000_000, 1)]
    assert rows(path, "SELECT events, days FROM rollup_user_feature_days") == [
        (0, 1 << MONDAY // DAY % 32)
    ]
    assert rows(path, "SELECT user_tier, first_seen FROM user_tiers") == [("free", MONDAY)]


def test_a_span_of_another_instrumentation_leaves_nothing(path, writer):
    writer.sample_out(record(series=SERIES._replace(event_type="span")))
    assert writer.force_flush()
    assert ledger(path) == {"received": 1, "sampled_out": 1}
    assert rows(path, "SELECT count(*) FROM users") == [(0,)]


def test_those_beyond_the_bound_are_in_the_ledger(path, make_writer, monkeypatch):
    monkeypatch.setattr(buffer, "_MAX_PRESENCES", 3)
    writer = make_writer(interval_ms=60_000)
    for number in range(5):
        for _ in range(2):
            writer.sample_out(record(user_id_hash=f"{number:064x}"))
    assert writer.force_flush()
    assert rows(path, USERS) == [(f"{number:064x}",) for number in range(3)]
    assert ledger(path) == {"received": 10, "sampled_out": 10}
    assert ledger(path, "presence") == {"dropped|queue_full": 4}


def test_a_locked_store_loses_none(path, make_writer):
    writer = make_writer()
    writer.submit(record())
    assert writer.force_flush()
    with held(path):
        writer.sample_out(record(user_id_hash="cd" * 32))
        assert not writer.force_flush(300)
    assert writer.force_flush()
    assert rows(path, USERS) == [(USER,), ("cd" * 32,)]


def test_what_is_left_at_the_end_is_counted(path, make_writer):
    writer = make_writer()
    writer.submit(record())
    assert writer.force_flush()
    with held(path):
        writer.sample_out(record(user_id_hash="cd" * 32))
        assert not writer.shutdown(300)
    assert writer._buffer.counters.undelivered()["presence|locked"] == 1


def test_an_invalid_one_is_left_out_and_the_rest_is_stored(path):
    store = Store(path)
    good = Presence(SERIES, SESSION, USER, MONDAY, MONDAY, MONDAY)
    bad = [
        good._replace(first_unix_nano=0),
        good._replace(end_unix_nano=1 << 63),
        good._replace(last_unix_nano=MONDAY - 1),
        good._replace(user_id_hash="\ud800"),
        good._replace(series=SERIES._replace(feature=7)),
    ]
    received = Counter({("event", "received", ""): 1})
    outcome = store.write([record()], [], received, presences=[*bad, good])
    store.close()
    assert (outcome.trouble, outcome.refused) == ("", 0)
    assert ledger(path, "presence") == {"dropped|invalid": len(bad)}
    assert rows(path, "SELECT count(*) FROM events") == [(1,)]


def test_a_rolled_back_batch_leaves_no_keys_behind(path):
    """The keys of a presence are looked up again after a transaction that failed."""
    store = Store(path)
    one = Presence(SERIES, SESSION, USER, MONDAY, MONDAY, MONDAY)
    store.write([], [], Counter())
    with held(path):
        assert store.write([], [], Counter(), presences=[one]).trouble == "locked"
    for _ in range(2):
        assert store.write([], [], Counter(), presences=[one]).trouble == ""
    store.close()
    assert rows(path, USERS) == [(USER,)]
    assert rows(path, "PRAGMA foreign_key_check") == []


def test_the_receiver_keeps_it_too(home):
    intake = pytest.importorskip("cortex_otel.receive.intake")  # its packages are an extra
    settings = read_environment(
        {"CORTEX_OTEL_HOME": str(home), "CORTEX_OTEL_SAMPLING": "*=0.000001"}
    )

    def told(**values):
        return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]

    logs = [
        {
            "timeUnixNano": str(time.time_ns() + number),
            "eventName": "ext.ui_interaction",
            "attributes": told(**{"user.id": f"somebody{number % 3}", "session.id": "s"}),
        }
        for number in range(30)
    ]
    resource = {"attributes": told(**{"service.name": "shop", "cortex.service": "extension"})}
    request = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": logs}]}]}
    (part,) = intake.Intake(settings).parts("logs", json.dumps(request).encode(), is_json=True)
    assert part.ledger["event", "sampled_out", ""] == 30
    assert part.records == []
    kept = part.presences.take()
    assert len({one.user_id_hash for one in kept}) == 3
    assert all("somebody" not in repr(one) for one in kept)


def test_it_costs_less_than_keeping_the_event(path):
    """On the writer's side, and on the host's: CPU of many, as a ratio."""
    some = [record(number) for number in range(4000)]

    def opened(name):
        path.parent.mkdir(exist_ok=True)
        store = Store(path.with_name(name), synchronous="OFF")
        store.write([], [], Counter())
        return store

    def cost(of):
        started = time.thread_time()
        of()
        return time.thread_time() - started

    kept, marked = opened("kept.db"), opened("marked.db")

    def mark():
        presences = Presences(8192)
        for each in some:
            presences.add(each)
        marked.write([], [], Counter(), presences=presences.take())

    assert cost(mark) < cost(lambda: kept.write(some, [], Counter())) / 2
    kept.close()
    marked.close()
