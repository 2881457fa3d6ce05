"""Named metrics: each value is the catalogue's answer of its period, whatever came when."""

from __future__ import annotations

import dataclasses
import random
import shutil
import subprocess
import sys
import threading
from datetime import date, timedelta
from types import SimpleNamespace

import apsw
import pytest
from counting import ask
from patience import wait_for
from seeding import DAY, HOUR, MONDAY, Event, build, random_events, user_hash

from cortex_otel.operate import metric_upkeep, metrics
from cortex_otel.operate.job import JobError
from cortex_otel.operate.metric_upkeep import Upkeep
from cortex_otel.query.catalogue import catalogue
from cortex_otel.query.current_metrics import MAX_SERVICES, current_metrics
from cortex_otel.query.named_metrics import NAMED_METRICS, PERIODS
from cortex_otel.query.zones import zone
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader

KINDS = ", ".join(f"'{kind}'" for kind in PERIODS)
ROWS = f"""
SELECT kind, metric_name, start_timestamp, timestamp, service, user_tier, value, count, unit
FROM telemetry_metrics WHERE kind IN ({KINDS})
"""
NOW = MONDAY + 50 * DAY + 10 * HOUR + 25 * 60 * 10**9
EPOCH = date(1970, 1, 1)
CELLS = [(s, t) for s in ("", "mcp", "extension") for t in ("", "free", "trial", "paid")]


def upkeep(path, tz="UTC", now=NOW, *, steps=None):
    """Bring it up to date, or go so many steps; how many were gone."""
    writer, reader = open_for_writing(path), open_reader(path)
    done = 0
    try:
        each = Upkeep(reader, writer, zone(tz), now, rest=0).steps()
        for _ in each:
            done += 1
            if done == steps:
                each.close()
                break
    finally:
        writer.close()
        reader.close()
    return done


def values(path):
    connection = open_reader(path)
    try:
        found = list(connection.execute(ROWS))
    finally:
        connection.close()
    assert len({row[:6] for row in found}) == len(found), "never two of one"
    return {row[:6]: row[6:] for row in found}


def written(path):
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    return connection


@pytest.fixture
def copy_of(tmp_path):
    def copy(path):
        connection = apsw.Connection(str(path))
        connection.pragma("wal_checkpoint(TRUNCATE)")
        connection.close()
        name = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
        shutil.copy(path, name)
        return name

    return copy


# --- The values ---------------------------------------------------------------------------------


def truth(connection, kind, metric, cell, *, period, tz):
    """What the catalogue says of one metric in one period: value, and how many it is of."""
    (start, end), (service, tier) = period, cell
    of = {"from_ns": start, "to_ns": end}
    if metric.cadence == "hourly":
        (row,) = ask(connection, "overview", **of, service=service, user_tier=tier)
        column = {"error_rate": "error_rate", "avg_response_time": "avg_ms"}.get(
            metric.name, f"{metric.name[:3]}_ms"
        )
        return row[column]
    of |= {"time_zone": tz, "service": service}
    if kind == "weekly":
        of |= {"to_ns": end + 30 * DAY, "from_tier": tier}
        rows = [row for row in ask(connection, metric.question, **of)
                if zone(tz).start_of(EPOCH + timedelta(row["week"])) == start]  # fmt: skip
        assert all(not row["pending_users"] for row in rows)
    else:
        rows = ask(connection, metric.question, **of, user_tier=tier)
        rows = [row for row in rows if not row["partial"]]
    assert len(rows) <= 1
    return rows[0][metric.column] if rows else None


def periods_of(kind, tz):
    there = zone(tz)
    day = timedelta(1)
    first = there.day_of(MONDAY)
    match kind:
        case "hourly":
            return [(MONDAY + n * HOUR, MONDAY + (n + 1) * HOUR) for n in range(50 * 24 + 10)]
        case "daily":
            days = [first + n * day for n in range((there.day_of(NOW) - first).days)]
            return [(there.start_of(each), there.start_of(each + day)) for each in days]
    mondays = [first - first.weekday() * day + 7 * n * day for n in range(3)]
    weeks = [(there.start_of(each), there.start_of(each + 7 * day)) for each in mondays]
    return [week for week in weeks if week[1] + 30 * DAY <= NOW]


@pytest.mark.parametrize(
    "tz", ["UTC", "Asia/Seoul", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Chatham"]
)
def test_each_value_is_what_the_catalogue_answers(database, copy_of, tz):
    path = copy_of(database)
    upkeep(path, tz)
    stored, choose = values(path), random.Random(tz)
    connection = open_reader(path)
    expected_kinds = set()
    for kind, sample in (("hourly", 30), ("daily", 12), ("weekly", 3)):
        every = [(period, cell) for period in periods_of(kind, tz) for cell in CELLS]
        for period, cell in choose.sample(every, min(len(every), sample)):
            for metric in NAMED_METRICS:
                if kind not in metric.periods or (kind == "weekly" and cell[1] == "paid"):
                    continue
                expected = truth(connection, kind, metric, cell, period=period, tz=tz)
                found = stored.get((kind, metric.name, *period, *cell))
                if expected is None:
                    assert found is None, (kind, metric.name, period, cell)
                else:
                    assert found is not None, (kind, metric.name, period, cell)
                    assert found[0] == pytest.approx(expected, rel=1e-12)
                    assert found[2] == metric.unit
                    expected_kinds.add((kind, metric.name))
    connection.close()
    assert {name for _, name in expected_kinds} >= {
        each.name for each in NAMED_METRICS if each.name != "conversion_rate"
    }
    # And no other periods or cells than these.
    for kind in PERIODS:
        known = set(periods_of(kind, tz))
        assert {key[2:4] for key in stored if key[0] == kind} <= known


def test_one_row_for_each_service_and_tier_is_what_the_overview_says_of_each(varied_store, exact):
    del exact
    of = {"from_ns": MONDAY + 11 * DAY + 5 * HOUR, "to_ns": MONDAY + 14 * DAY + 7}
    rows = ask(varied_store, "by_service_and_tier", **of)
    cells = {(row["service"], row["user_tier"]) for row in rows}
    assert {("", ""), ("mcp", ""), ("", "free"), ("extension", "paid")} <= cells
    for row in rows:
        cell = {"service": row["service"], "user_tier": row["user_tier"]}
        (overview,) = ask(varied_store, "overview", **of, **cell)
        for name in ("events", "error_rate", "avg_ms", "timed", "p95_ms", "p99_ms"):
            wanted = overview[name]
            wanted = wanted if wanted is None else pytest.approx(wanted, rel=1e-12)
            assert row[name] == wanted, (cell, name)


def test_nothing_happened(tmp_path):
    """A rate of nothing is no row; nobody is 0; thirty days that weren't recorded are no MAU."""
    path = build(tmp_path / "cortex.db", [
        Event(MONDAY + 5 * HOUR, duration=10**7, user=user_hash(1), tool_name="t"),
        Event(MONDAY + 2 * DAY, event_type="ext.install", service="extension", user=user_hash(2)),
        Event(MONDAY + 40 * DAY, event_type="span", service="web", user=user_hash(1)),
    ])  # fmt: skip
    upkeep(path, now=MONDAY + 41 * DAY)
    found = values(path)
    hours = [key[2] for key in found if key[0] == "hourly" and key[1] == "error_rate"]
    assert set(hours) == {MONDAY + 5 * HOUR}, "an install counts in no error rate"
    dau = {key[2]: of[0] for key, of in found.items() if key[1] == "dau" and key[4:] == ("", "")}
    assert dau == {MONDAY + n * DAY: float(n == 0) for n in range(41)}
    mau = {key[2]: of[0] for key, of in found.items() if key[1] == "mau" and key[4:] == ("", "")}
    assert mau == {MONDAY + n * DAY: float(n == 29) for n in range(29, 41)}
    assert {key[4] for key in found} == {"", "mcp", "extension"}, "a span makes no service"
    assert not [key for key in found if "rate" in key[1] and key[0] == "weekly" and key[5]
                not in {"", "free"}]  # fmt: skip


# --- Kept up ------------------------------------------------------------------------------------


STATE = ("telemetry_metrics", "metric_periods", "metric_days")


def move_state(old, new):
    """Give ``new`` what was written of metrics in ``old``: as if its events had come since."""
    connection = written(new)
    connection.execute("ATTACH ? AS old", (str(old),))
    for table in STATE:
        connection.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")
    connection.close()


@pytest.fixture(scope="module")
def some_events():
    return random_events(900, days=50, users=20, seed=3)


def test_late_events_correct_what_depends_on_them_however_late_they_are(tmp_path, some_events):
    choose = random.Random(1)
    late = {id(event) for event in choose.sample(some_events, 60)}
    # A user who was first seen weeks before, and one who paid within the window after all.
    somebody = [event.user for event in some_events if event.user][10]
    more = [
        Event(MONDAY + 3 * HOUR, user=somebody, tier="free", tool_name="t", duration=10**9),
        Event(MONDAY + 9 * DAY, user=somebody, tier="paid", tool_name="t", duration=10**9),
    ]
    early = [event for event in some_events if id(event) not in late]
    before = build(tmp_path / "before.db", early)
    upkeep(before, "Asia/Seoul", NOW - 3 * HOUR)
    after = build(tmp_path / "after.db", some_events + more)
    fresh = build(tmp_path / "fresh.db", some_events + more)
    move_state(before, after)
    assert values(after) == values(before)
    upkeep(after, "Asia/Seoul")
    upkeep(fresh, "Asia/Seoul")
    assert values(after) == values(fresh)
    assert values(after) != values(before)
    # Nothing came since: the last days alone are written again, and are the same.
    steps = upkeep(after, "Asia/Seoul")
    assert steps < 20
    assert values(after) == values(fresh)


def test_events_from_before_all_others_are_filled_in(tmp_path, some_events):
    recent = [event for event in some_events if event.time > MONDAY + 30 * DAY]
    before = build(tmp_path / "before.db", recent)
    upkeep(before)
    after, fresh = (build(tmp_path / f"{name}.db", some_events) for name in ("after", "fresh"))
    move_state(before, after)
    upkeep(after)
    upkeep(fresh)
    assert values(after) == values(fresh)


def test_who_was_sampled_out_late_counts_on_the_last_days(database, copy_of):
    path = copy_of(database)
    upkeep(path)
    yesterday = (NOW // DAY - 1) * DAY
    key = ("daily", "dau", yesterday, yesterday + DAY, "", "")
    was = values(path)[key][0]
    connection = written(path)
    connection.execute(
        "INSERT INTO users (user_id_hash, first_seen) VALUES ('new', ?)", (yesterday,)
    )
    connection.execute(
        "INSERT INTO rollup_user_day VALUES (?, ?, 1, 0, 0, ?, ?, 1)",
        (yesterday // DAY, connection.last_insert_rowid(), yesterday, yesterday),
    )
    connection.close()
    upkeep(path)
    assert values(path)[key][0] == was + 1


def test_whoever_is_killed_goes_on(tmp_path, some_events):
    path, fresh = (build(tmp_path / f"{name}.db", some_events) for name in ("killed", "fresh"))
    all_steps = upkeep(fresh, "Asia/Seoul")
    gone = sum(upkeep(path, "Asia/Seoul", steps=steps) for steps in (1, 2, 5, 15, 20, 25))
    gone += upkeep(path, "Asia/Seoul")
    assert values(path) == values(fresh)
    # What was done isn't done again, but for the last days.
    assert gone <= all_steps + 6 * 10


@pytest.mark.system
def test_kill_9_in_the_middle_costs_nothing(tmp_path, some_events):
    path, fresh = (build(tmp_path / f"{name}.db", some_events) for name in ("killed", "fresh"))
    code = f"""
import sys; sys.path[:] = {sys.path!r}
from pathlib import Path
from cortex_otel.operate.metric_upkeep import Upkeep
from cortex_otel.query.zones import zone
from cortex_otel_exporters.sqlite.files import open_for_writing
from cortex_otel_exporters.sqlite.reader import open_reader
path = Path({str(path)!r})
for _ in Upkeep(open_reader(path), open_for_writing(path), zone("UTC"), {NOW}, rest=0).steps():
    pass
"""
    for killed_at in (1, 600, 2000):
        with subprocess.Popen([sys.executable, "-c", code]) as process:
            wait_for(lambda at=killed_at, of=process: of.poll() is not None
                     or len(values(path)) >= at)  # fmt: skip
            process.kill()
        kept = values(path)
        assert len(kept) >= killed_at
    upkeep(path)
    upkeep(fresh)
    assert values(path) == values(fresh)


def test_a_step_that_fails_leaves_what_was_there(tmp_path, some_events, monkeypatch):
    path = build(tmp_path / "cortex.db", some_events)
    upkeep(path, steps=8)
    before = values(path)
    real = metric_upkeep.write

    def broken(connection, written):
        rows = [*written.rows, *[row._replace(value=None) for row in written.rows[:1]]]
        real(connection, dataclasses.replace(written, rows=rows))

    monkeypatch.setattr(metric_upkeep, "write", broken)
    with pytest.raises(apsw.ConstraintError):
        upkeep(path)
    assert values(path) == before
    monkeypatch.undo()
    upkeep(path)
    assert len(values(path)) > len(before)


def test_two_at_once_write_what_one_writes(tmp_path, some_events):
    path, fresh = (build(tmp_path / f"{name}.db", some_events) for name in ("two", "fresh"))
    threads = [threading.Thread(target=upkeep, args=(path,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    upkeep(path)
    upkeep(fresh)
    assert values(path) == values(fresh)


@pytest.mark.parametrize(
    ("before", "after"), [("Asia/Seoul", "America/Los_Angeles"), ("UTC", "Asia/Kathmandu")]
)
def test_another_time_zone_has_other_days(tmp_path, some_events, before, after):
    path, fresh = (build(tmp_path / f"{name}.db", some_events) for name in ("moved", "fresh"))
    now = MONDAY + 50 * DAY + 20 * HOUR
    upkeep(path, before, now)
    upkeep(path, after, now, steps=6)  # killed in the middle of it
    upkeep(path, after, now)
    upkeep(fresh, after, now)
    assert values(path) == values(fresh)


def test_a_clock_that_went_ahead_leaves_nothing(tmp_path, some_events):
    path, fresh = (build(tmp_path / f"{name}.db", some_events) for name in ("ahead", "fresh"))
    upkeep(path, now=NOW + 20 * DAY)
    upkeep(path)
    upkeep(fresh)
    assert values(path) == values(fresh)
    for each in (path, fresh):
        upkeep(each, now=NOW + 3 * DAY)
    assert values(path) == values(fresh)


# --- When the events are gone -------------------------------------------------------------------


def cut(path, day):
    """Delete everything before a UTC day, as retention does."""
    connection = written(path)
    connection.execute("DELETE FROM events WHERE time < ?", (day * DAY,))
    for table, length in (
        ("rollup_hour", 24), ("rollup_hour_duration", 24), ("rollup_measure", 24),
        ("rollup_day", 1), ("rollup_day_duration", 1), ("rollup_user_day", 1),
    ):  # fmt: skip
        column = "hour" if length > 1 else "day"
        connection.execute(f"DELETE FROM {table} WHERE {column} < ?", (day * length,))
    connection.close()


@pytest.mark.parametrize("tz", ["Asia/Seoul", "America/Los_Angeles"])
def test_values_stay_when_what_they_are_of_is_deleted(database, copy_of, tz):
    path = copy_of(database)
    upkeep(path, "Asia/Seoul")
    before = values(path)
    oldest = MONDAY // DAY + 40
    cut(path, oldest)
    for _ in range(2):
        upkeep(path, tz)
    after = values(path)
    limit = oldest * DAY
    old = {key: of for key, of in before.items() if key[3] <= limit}
    assert old
    assert {key: of for key, of in after.items() if key[3] <= limit} == old
    if tz == "Asia/Seoul":
        assert after == before
    connection = open_reader(path)
    shown = ask(connection, "metric_history", from_ns=MONDAY, to_ns=NOW, period="daily")
    dau = {row["time"]: row["dau"] for row in shown if row["time"] + DAY <= limit}
    assert dau == {
        key[2]: of[0] for key, of in old.items() if key[:2] == ("daily", "dau")
        and key[4:] == ("", "")
    }  # fmt: skip
    assert len(dau) >= 39
    connection.close()


def test_a_late_event_of_a_deleted_day_changes_nothing(database, copy_of):
    path = copy_of(database)
    upkeep(path)
    before = values(path)
    oldest = MONDAY // DAY + 40
    cut(path, oldest)
    upkeep(path)
    connection = written(path)
    # Of the day before, and of the oldest that is left, which may be there in part only.
    for day in (oldest - 1, oldest):
        connection.execute(
            "INSERT OR IGNORE INTO rollup_day SELECT ?, series_key, 9, 9, 0, 0 FROM rollup_day",
            (day,),
        )
    connection.close()
    upkeep(path)
    changed = {key for key, of in values(path).items() if before.get(key) != of}
    assert not [key for key in changed if key[3] <= (oldest - 1) * DAY]


def test_hours_are_kept_as_long_as_roll_ups_and_days_for_years(tmp_path):
    now = MONDAY + 900 * DAY
    events = [
        Event(now - days * DAY - 2 * HOUR, duration=10**7, user=user_hash(1), tool_name="t")
        for days in (600, 420, 399, 1)
    ]
    path = build(tmp_path / "cortex.db", events)
    upkeep(path, now=now)
    hours = {key[2] for key in values(path) if key[:2] == ("hourly", "error_rate")}
    assert hours == {now - 399 * DAY - 2 * HOUR, now - DAY - 2 * HOUR}
    days = {key[2] for key in values(path) if key[:2] == ("daily", "error_rate")}
    assert len(days) == 4
    upkeep(path, now=now + 10 * DAY)
    hours = {key[2] for key in values(path) if key[:2] == ("hourly", "error_rate")}
    assert hours == {now - DAY - 2 * HOUR}


# --- Names and cells ----------------------------------------------------------------------------


def test_what_a_client_calls_by_the_same_name_is_another_thing(database, copy_of):
    path = copy_of(database)
    connection = written(path)
    day = (NOW // DAY - 1) * DAY
    sent = [
        (day + DAY, day, "dau", "1", kind, service, tier, 99999.0, "{}")
        for kind in ("gauge", "sum", "histogram")
        for service, tier in (("", ""), ("mcp", "free"))
    ]
    connection.executemany(
        "INSERT INTO telemetry_metrics (timestamp, start_timestamp, metric_name, unit, kind,"
        " service, user_tier, value, attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", sent
    )  # fmt: skip
    connection.close()
    upkeep(path)
    upkeep(path)
    reader = open_reader(path)
    assert reader.execute("SELECT count(*) FROM telemetry_metrics WHERE value = 99999").get == 6
    for period in PERIODS:
        rows = ask(reader, "metric_history", from_ns=0, to_ns=NOW, period=period)
        assert all(row["dau"] != 99999 for row in rows)
    assert all(each.value != 99999 for each in current_metrics(reader))
    reader.close()


def test_no_number_of_services_makes_more_than_a_few_series(tmp_path):
    events = [
        Event(MONDAY + n * HOUR, service=f"service-{n:02}", user=user_hash(n), tool_name="t",
              duration=10**7)
        for n in range(40)
    ]  # fmt: skip
    path = build(tmp_path / "cortex.db", events)
    upkeep(path, now=MONDAY + 3 * DAY)
    found = values(path)
    services = {key[4] for key in found if key[1] == "dau"} - {""}
    assert services == {f"service-{n:02}" for n in range(MAX_SERVICES)}
    total = [of[0] for key, of in found.items() if key[1] == "dau" and key[4:] == ("", "")]
    assert total == [24.0, 16.0, 0.0]


def test_the_registry_names_what_the_questions_have():
    assert len({each.prometheus for each in NAMED_METRICS}) == len(NAMED_METRICS) == 9
    history = catalogue()["metric_history"]
    for metric in NAMED_METRICS:
        columns = {column.name for column in catalogue()[metric.question].columns}
        assert {metric.column, *filter(None, [metric.of])} <= columns
        assert f"metric_name = '{metric.name}'" in history.sql
    (period,) = (each for each in history.parameters if each.name == "period")
    assert period.choices == PERIODS


# --- The job ------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path):
    return SimpleNamespace(database=tmp_path / "home" / "cortex.db", time_zone="Asia/Seoul")


def test_the_job_makes_no_database(settings):
    assert metrics.write_metrics(settings) == "nothing is recorded yet"
    assert not settings.database.parent.exists()


def test_the_job_says_what_it_did(settings, monkeypatch):
    services = [(MONDAY + n * HOUR, f"s{n}", user_hash(n)) for n in range(25)]
    build(
        settings.database,
        [Event(time, service=name, user=user, tool_name="t") for time, name, user in services],
    )
    monkeypatch.setattr("time.time_ns", lambda: MONDAY + 3 * DAY)
    monkeypatch.setattr("time.sleep", lambda _: None)
    told = metrics.write_metrics(settings)
    assert told.endswith("; 5 services are in the totals only, those after the first 20")
    assert int(told.split()[0]) == len(values(settings.database))


def test_a_run_that_has_no_time_left_goes_on_the_next_time(settings, monkeypatch, some_events):
    build(settings.database, some_events)
    monkeypatch.setattr("time.time_ns", lambda: NOW)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(metrics, "_SECONDS", -1.0)
    assert metrics.write_metrics(settings).endswith("; the next run goes on")
    monkeypatch.setattr(metrics, "_SECONDS", 600.0)
    metrics.write_metrics(settings)
    fresh = build(settings.database.with_name("fresh.db"), some_events)
    upkeep(fresh, "Asia/Seoul")
    assert values(settings.database) == values(fresh)


def test_a_locked_database_is_tried_again(settings, monkeypatch, some_events):
    build(settings.database, some_events)
    monkeypatch.setattr(metrics, "_BUSY_TIMEOUT_MS", 20)
    lock = written(settings.database)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(JobError, match="locked"):
        metrics.write_metrics(settings)
    lock.execute("ROLLBACK")
    lock.close()


def test_what_is_no_database_is_said_in_one_line(settings):
    settings.database.parent.mkdir()
    settings.database.write_bytes(b"not a database at all" * 500)
    with pytest.raises(JobError) as raised:
        metrics.write_metrics(settings)
    assert "\n" not in str(raised.value)
