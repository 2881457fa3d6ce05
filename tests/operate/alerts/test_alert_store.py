"""Alerts and messages: each is sent once, also by two processes and with a broken database."""

from __future__ import annotations

from dataclasses import replace

import apsw
import pytest

from cortex_otel.operate.alerts.alert_store import AlertStore
from cortex_otel.operate.alerts.states import Alert
from cortex_otel_exporters.sqlite.files import open_for_writing

NS = 10**9
NOW = 1_800_000_000 * NS
LEASE = 15 * NS
CHANNELS = ("slack", "webhook")


def pending(subject="mcp", **more):
    return Alert(rule="error_rate", subject=subject, since_ns=NOW, value=0.1, **more)


def firing(alert):
    return replace(alert, state="firing", fired_ns=NOW + NS, value=0.2)


def resolved(alert):
    return replace(alert, state="resolved", resolved_ns=NOW + 60 * NS)


def save(alerts, *changed, known=(), forgotten=(), now=NOW):
    return alerts.save(list(known), list(changed), list(forgotten), CHANNELS, now)


def fire(alerts, subject="mcp"):
    (alert,) = save(alerts, pending(subject))
    (alert,) = save(alerts, firing(alert), known=[alert])
    return alert


def rows(database, sql):
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


@pytest.fixture
def alerts(database):
    made = AlertStore(database)
    yield made
    made.close()


def test_what_fires_is_told_to_each_channel_once(alerts, database):
    alert = fire(alerts)
    assert [each.key for each in alerts.open_alerts()] == [alert.key]
    assert alerts.claim("slack", NOW, LEASE).wait_seconds == pytest.approx(0.5)  # for others
    (notification,) = alerts.claim("slack", NOW + NS, LEASE).notifications
    assert (notification.state, notification.alert.value) == ("firing", 0.2)
    assert not alerts.claim("slack", NOW + NS, LEASE).notifications  # it is being sent
    alerts.settle([notification], delivered_ns=NOW + 2 * NS)
    for later in (2, 20, 3600):
        assert not alerts.claim("slack", NOW + later * NS, LEASE).notifications
    assert len(alerts.claim("webhook", NOW + NS, LEASE).notifications) == 1
    (end,) = save(alerts, resolved(alert), now=NOW + 60 * NS)
    assert end.state == "resolved"
    assert alerts.open_alerts() == []
    (notification,) = alerts.claim("slack", NOW + 61 * NS, LEASE).notifications
    assert notification.state == "resolved"
    assert rows(database, "SELECT count(*) FROM alerts") == [(1,)]


def test_two_processes_that_see_the_same_tell_it_once(database):
    first, second = AlertStore(database), AlertStore(database)
    try:
        (one,) = save(first, pending())
        (other,) = save(second, replace(pending(), since_ns=NOW + 5))
        assert one.key == other.key
        other = replace(other, since_ns=NOW)
        save(first, firing(one))
        save(second, firing(other))
        assert rows(database, "SELECT count(*) FROM alert_messages") == [(2,)]
        assert len(first.claim("slack", NOW + NS, LEASE).notifications) == 1
        assert not second.claim("slack", NOW + NS, LEASE).notifications
        # The one that was sending died: after its lease, the other does it.
        assert not second.claim("slack", NOW + 15 * NS, LEASE).notifications
        assert len(second.claim("slack", NOW + 16 * NS, LEASE).notifications) == 1
    finally:
        first.close()
        second.close()


def test_after_a_failure_nothing_goes_there_before_its_time(alerts):
    fire(alerts)
    (notification,) = alerts.claim("slack", NOW + NS, LEASE).notifications
    alerts.settle([notification], next_attempt_ns=NOW + 30 * NS, error="HTTP 429")
    fire(alerts, "extension")
    due = alerts.claim("slack", NOW + 5 * NS, LEASE)
    assert not due.notifications
    assert due.wait_seconds == pytest.approx(25)
    both = alerts.claim("slack", NOW + 30 * NS, LEASE).notifications
    assert [each.alert.subject for each in both] == ["mcp", "extension"]
    assert [each.attempts for each in both] == [1, 0]


def test_a_clock_that_was_set_back_delays_nothing_for_long(alerts):
    fire(alerts)
    (notification,) = alerts.claim("slack", NOW + NS, LEASE).notifications
    alerts.settle([notification], next_attempt_ns=NOW + 86_400 * NS, error="HTTP 500")
    assert len(alerts.claim("slack", NOW, LEASE).notifications) == 1


def test_what_was_given_up_stays_so_and_its_end_isnt_told(alerts):
    alert = fire(alerts)
    (notification,) = alerts.claim("slack", NOW + NS, LEASE).notifications
    alerts.settle([notification], given_up_ns=NOW + NS, error="HTTP 404 no_service")
    save(alerts, resolved(alert), now=NOW + 60 * NS)
    assert not alerts.claim("slack", NOW + 90 * NS, LEASE).notifications
    assert [each.state for each in alerts.claim("webhook", NOW + 90 * NS, LEASE).notifications] == [
        "firing", "resolved",
    ]  # fmt: skip


def test_what_didnt_last_leaves_nothing(alerts, database):
    (alert,) = save(alerts, pending())
    save(alerts, known=[alert], forgotten=[alert])
    assert rows(database, "SELECT * FROM alerts") == []


def test_a_locked_database_delays_nothing_and_gets_it_later(alerts, database):
    known = fire(alerts, "extension")
    (notification,) = alerts.claim("slack", NOW + NS, LEASE).notifications
    locking = apsw.Connection(str(database))
    locking.execute("BEGIN IMMEDIATE")
    alerts.settle([notification], delivered_ns=NOW + NS)  # kept until the database takes it
    (alert,) = save(alerts, pending(), known=[known])
    assert alerts.is_in_memory
    (alert,) = save(alerts, firing(alert), known=[known, alert])
    assert {each.subject for each in alerts.open_alerts()} <= {"mcp", "extension"}
    (notification,) = alerts.claim("slack", NOW + 2 * NS, LEASE).notifications
    assert notification.alert.subject == "mcp"
    assert not alerts.return_to_database()  # still locked, and being sent
    alerts.settle([notification], delivered_ns=NOW + 3 * NS)
    assert not alerts.return_to_database()
    (known,) = save(alerts, resolved(known), known=[known, alert])
    locking.execute("ROLLBACK")
    locking.close()
    assert alerts.return_to_database()
    assert not alerts.is_in_memory
    assert {(each.rule, each.subject) for each in alerts.open_alerts()} == {("error_rate", "mcp")}
    for later in (4, 60, 600):
        assert not [
            each for each in alerts.claim("slack", NOW + later * NS, LEASE).notifications
            if each.state == "firing"
        ]  # fmt: skip
    assert rows(
        database,
        "SELECT subject, m.state, delivered IS NOT NULL FROM alerts JOIN alert_messages m "
        "USING (alert_key) WHERE channel = 'slack' AND m.state = 'firing' ORDER BY subject",
    ) == [("extension", "firing", 1), ("mcp", "firing", 1)]


@pytest.mark.parametrize("broken", ["missing", "garbage", "directory"])
def test_without_a_database_it_is_told_all_the_same(home, broken):
    path = home / "cortex.db"
    if broken == "garbage":
        path.write_bytes(b"not a database " * 500)
    elif broken == "directory":
        path.mkdir()
    alerts = AlertStore(path)
    alert = fire(alerts)
    assert [
        each.alert.subject for each in alerts.claim("slack", NOW + NS, LEASE).notifications
    ] == ["mcp"]
    assert alerts.open_alerts() == [] or alert.state == "firing"
    assert broken == "garbage" or path.is_dir() or not path.exists(), "it makes no database"
    alerts.close()


def test_a_database_that_was_replaced_loses_no_alert(alerts, database):
    (alert,) = save(alerts, pending())
    for suffix in ("", "-wal", "-shm"):
        file = database.with_name(database.name + suffix)
        if file.exists():
            file.rename(f"{database}.aside{suffix}")
    open_for_writing(database).close()
    (alert,) = save(alerts, firing(alert), known=[alert])
    assert [
        each.alert.subject for each in alerts.claim("slack", NOW + NS, LEASE).notifications
    ] == ["mcp"]
    assert rows(database, "SELECT state FROM alerts") == [("firing",)]


def test_what_nobody_takes_for_a_week_is_given_up_and_says_so(alerts, database):
    fire(alerts)
    alerts.tidy(NOW + 6 * 86_400 * NS)
    assert len(alerts.claim("webhook", NOW + NS, LEASE).notifications) == 1
    alerts.tidy(NOW + 8 * 86_400 * NS)
    assert rows(database, "SELECT DISTINCT error FROM alert_messages") == [
        ("not delivered within 7 days",)
    ]
    assert not alerts.claim("slack", NOW + 9 * 86_400 * NS, LEASE).notifications
