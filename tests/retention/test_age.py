import time

import pytest
from store_kit import DAY, MONDAY, count, ledger, point, record, rows

from cortex_otel.cli import main
from cortex_otel.operate import retention
from cortex_otel.operate.clock import trusted_time
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.runner import run
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.expiry import METRICS, NAMED_METRICS, Pace, delete_some
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import StoreMissingError, open_reader


@pytest.fixture
def now(monkeypatch):
    """The moment, settable: the twentieth day is over."""
    moment = [MONDAY + 20 * DAY + DAY // 2]
    monkeypatch.setattr(time, "time_ns", lambda: moment[0])
    return moment


def store(path):
    return dict(rows(path, "SELECT key, value FROM store"))


def test_events_go_by_whole_days_and_roll_ups_stay(path, settings, fill, now):
    fill()
    before = rows(path, "SELECT sum(stored) FROM rollup_hour")
    outcome = retention.retain(settings(retention_event_days=7))
    assert outcome.deleted["event", "age"] == 1300
    assert rows(path, "SELECT min(time) FROM events") == [(MONDAY + 13 * DAY,)]
    assert store(path)["events_from"] == MONDAY + 13 * DAY
    assert rows(path, "SELECT sum(stored) FROM rollup_hour") == before
    assert count(path, "session_parts") == 20
    assert count(path, "users") == 20


def test_the_ledger_tells_what_is_gone_and_still_balances(path, settings, fill, now):
    fill()
    retention.retain(settings(retention_event_days=7))
    counts = ledger(path)
    assert counts == {"received": 2000, "stored": 2000, "expired|age": 1300}
    assert count(path) == counts["stored"] - counts["expired|age"]
    now[0] += DAY
    retention.retain(settings(retention_event_days=7))
    assert ledger(path)["expired|age"] == 1400


def test_a_second_run_finds_nothing(settings, fill, now):
    fill()
    retention.retain(settings(retention_event_days=7, retention_rollup_days=9))
    assert not retention.retain(settings(retention_event_days=7, retention_rollup_days=9)).deleted


def test_what_is_older_than_roll_ups_is_gone_as_a_whole(path, settings, fill, now):
    fill(days=40, a_day=50)
    now[0] = MONDAY + 40 * DAY + DAY // 2
    retention.retain(settings(retention_event_days=5, retention_rollup_days=16))
    first = MONDAY + 24 * DAY
    assert store(path)["rollups_from"] == first
    for table in ("rollup_day", "rollup_user_day"):
        assert rows(path, f"SELECT min(day) FROM {table}") == [(first // DAY,)], table
    for table in ("rollup_hour", "rollup_hour_duration"):
        assert rows(path, f"SELECT min(hour) FROM {table}") == [(first // DAY * 24,)], table
    assert rows(path, "SELECT min(first_day) FROM rollup_user_feature") == [(first // DAY,)]
    assert rows(path, "SELECT min(end_time) >= ? FROM session_parts", first) == [(1,)]
    assert rows(path, "SELECT min(half_hour) * 1800000000000 FROM session_half_hours") == [(first,)]
    # What they used is kept by blocks of 32 days, one of which began two days before: so are they.
    assert rows(path, "SELECT min(block) * 32 FROM rollup_user_feature_days") == [
        (first // DAY - 2,)
    ]
    users = [(f"{day:064x}",) for day in range(22, 40)]
    assert rows(path, "SELECT user_id_hash FROM users ORDER BY 1") == users
    assert count(path, "user_tiers") == len(users)
    assert count(path, "sessions") == 16
    assert rows(path, "SELECT count(*) FROM telemetry_events") == [(250,)]


def test_roll_ups_are_never_kept_for_less_than_events(path, settings, fill, now):
    fill()
    retention.retain(settings(retention_event_days=10, retention_rollup_days=3))
    assert rows(path, "SELECT min(day) FROM rollup_day") == [(MONDAY // DAY + 10,)]
    assert rows(path, "SELECT min(time) FROM events") == [(MONDAY + 10 * DAY,)]


def test_for_ever_is_for_ever(path, settings, fill, now):
    fill()
    now[0] += 10_000 * DAY
    assert not retention.retain(settings(), trust_clock=True).deleted
    assert count(path) == 2000


def test_received_identities_go_with_their_events(path, settings, fill, now):
    fill(identity=7)
    assert count(path, "received_events") == 2000
    retention.retain(settings(retention_event_days=7))
    assert count(path, "received_events") == count(path) == 700


def test_points_of_instruments_go_with_events_and_values_of_named_metrics_stay(path, fill):
    writer = BatchWriter(open_for_writing(path))
    old = {"time_unix_nano": MONDAY - 1}
    kinds = {"a.b": "sum", "dau": "daily", "z": "gauge"}
    points = [point(name=name, kind=kind, **old) for name, kind in kinds.items()]
    writer.write([], [*points, point()], {})
    connection, pace = writer.connection, Pace(0.004)
    assert delete_some(connection, METRICS, MONDAY, "age", pace) == 2
    assert not delete_some(connection, METRICS, MONDAY, "age", pace)
    assert rows(path, "SELECT metric_name FROM telemetry_metrics") == [("calls",), ("dau",)]
    assert delete_some(connection, NAMED_METRICS, MONDAY, "age", pace) == 1
    # The latest one stays, however old: its id would be given again.
    assert not delete_some(connection, METRICS, MONDAY + DAY, "age", pace)
    assert ledger(path, "metric")["expired|age"] == 3
    writer.close()


def test_a_writer_that_knew_a_deleted_key_makes_another(path, settings, fill, now):
    fill(days=1, begin=MONDAY)
    writer = BatchWriter(open_for_writing(path))
    writer.write([record(1, user_id_hash="a" * 64)], [], {})
    fill(days=2, begin=MONDAY + 38 * DAY)  # so that its keys aren't the greatest
    now[0] = MONDAY + 40 * DAY
    retention.retain(settings(retention_event_days=2, retention_rollup_days=2), trust_clock=True)
    assert rows(path, "SELECT count(*) FROM users WHERE user_id_hash = ?", "a" * 64) == [(0,)]
    writer.write([record(2, user_id_hash="a" * 64, time_unix_nano=now[0])], [], {})
    writer.close()
    found = (
        "SELECT session_id, event_data ->> 'number' FROM telemetry_events WHERE user_id_hash = ?"
    )
    assert rows(path, found, "a" * 64) == [("session-1", 2)]


def test_an_old_ledger_becomes_one_day_with_the_same_sums(path, settings, fill, now):
    fill()
    before = ledger(path)
    now[0] += 500 * DAY
    fill(days=1, begin=now[0])
    retention.retain(
        settings(retention_event_days=400, retention_rollup_days=400), trust_clock=True
    )
    assert rows(path, "SELECT DISTINCT day FROM ledger WHERE outcome = 'received' ORDER BY 1") == [
        (0,), (now[0] // DAY,),
    ]  # fmt: skip
    assert ledger(path)["stored"] == before["stored"] + 100


def test_without_a_database_there_is_nothing_to_do(path, settings):
    with pytest.raises(StoreMissingError):
        retention.retain(settings())
    assert not path.exists()
    assert retention.JOB.run(settings()) == "nothing is recorded yet"


def test_the_plan_changes_nothing_and_is_what_happens(path, settings, fill, now):
    fill()
    wanted = settings(retention_event_days=7, retention_rollup_days=9)
    before = path.read_bytes()
    due = retention.plan(wanted)
    assert path.read_bytes() == before
    outcome = retention.retain(wanted)
    assert due.events == outcome.deleted["event", "age"] == 1300
    assert due.sessions == outcome.deleted["session", "age"]
    assert due.frees > 0


@pytest.mark.parametrize("ahead", [5 * DAY, 365 * DAY, 40_000 * DAY])
def test_a_clock_that_jumps_ahead_takes_a_day(path, settings, fill, now, ahead):
    fill()
    wanted = settings(retention_event_days=7)
    retention.retain(wanted)
    now[0] += ahead
    kept = count(path)
    outcome = retention.retain(wanted)
    assert kept - count(path) <= 100
    assert "ahead" in outcome.notes[0]
    retention.retain(wanted)  # at once again: no hour has passed
    assert kept - count(path) <= 100
    now[0] -= ahead  # somebody has put it right
    assert not retention.retain(wanted).notes


def test_events_of_a_clock_that_had_jumped_dont_make_it_trusted(path, settings, fill, now):
    fill()
    fill(days=2, begin=MONDAY + 400 * DAY)
    now[0] = MONDAY + 402 * DAY
    outcome = retention.retain(settings(retention_event_days=30))
    assert not outcome.deleted
    assert outcome.notes


def test_a_machine_that_was_off_catches_up(path, settings, fill, now):
    fill()
    wanted = settings(retention_event_days=1)
    retention.retain(wanted)
    now[0] += 60 * DAY
    with_reader = open_reader(path)
    for _ in range(70):
        retention.retain(wanted)
        now[0] += DAY // 24
    assert trusted_time(with_reader, now[0]) == now[0]
    with_reader.close()
    assert count(path) == 0


def test_a_question_says_from_when_on_it_is_told(path, settings, fill, now):
    fill()
    retention.retain(settings(retention_event_days=7, retention_rollup_days=9))
    connection = open_reader(path)
    ask = {"to_ns": MONDAY + 20 * DAY}
    events, tools = catalogue()["events"], catalogue()["tools"]
    from_12, from_13 = {"from_ns": MONDAY + 12 * DAY}, {"from_ns": MONDAY + 13 * DAY}
    assert run(connection, events, {**ask, **from_12}).kept_from_ns == MONDAY + 13 * DAY
    assert run(connection, events, {**ask, **from_13}).kept_from_ns is None
    assert run(connection, tools, {**ask, **from_12}).kept_from_ns is None
    whole = run(connection, tools, {**ask, "from_ns": MONDAY})
    assert whole.kept_from_ns == MONDAY + 11 * DAY
    assert not whole.reads_events
    connection.close()


def test_nothing_that_is_said_names_a_user(path, settings, fill, now, capsys):
    fill(days=40)
    now[0] = MONDAY + 60 * DAY
    wanted = settings(retention_event_days=7, retention_rollup_days=8)
    said = [str(retention.retain(wanted, trust_clock=True))]
    for arguments in (["--dry-run"], ["--dry-run", "--json"], [], ["--json"]):
        assert main(["retain", "--home", str(path.parent), *arguments]) == 0
    assert main(["status", "--home", str(path.parent)]) == 0
    said += capsys.readouterr()
    for day in range(40):
        assert f"{day:064x}" not in "".join(said)
        assert f"session {day}" not in "".join(said)
    assert "no event is left" in said[1]
