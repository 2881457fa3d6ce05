"""The evaluator, look by look: what fires, what holds, what is told, by one of several."""

from __future__ import annotations

import os
import time

import apsw
import pytest
from patience import wait_for
from simulated_evaluator import FAILED, NS, START, Machine

from cortex_otel.operate.alerts import observations
from cortex_otel.query.alert_rules import FILE_NAME, save_rules
from cortex_otel.query.errors import QueryTimeoutError
from cortex_otel.query.zones import local_zone


@pytest.fixture
def machine(home):
    made = []

    def make(**settings):
        made.append(Machine(home, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_an_error_rate_fires_and_is_resolved(machine):
    one = machine(slack_webhook_url="https://hooks.example/x")
    one.calls(100)
    one.look(times=5)
    assert one.states == {}
    one.calls(10, FAILED)
    one.look()
    assert one.states == {"error_rate mcp": "pending"}
    one.look(times=3)
    assert one.states == {"error_rate mcp": "firing"}
    (alert,) = one.evaluator._alerts.values()
    assert alert.value == pytest.approx(10 / 110)
    assert (alert.detail["tool"], alert.detail["tool_errors"]) == ("search", 10)
    assert one.rows("SELECT state, channel FROM alert_messages") == [("firing", "slack")]
    one.calls(400)  # 2 % now
    one.look(5.0, times=4)
    assert one.states == {"error_rate mcp": "firing"}  # for long enough, first
    one.look(5.0, times=8)
    assert one.states == {}
    assert one.rows() == [("error_rate", "mcp", "resolved")]
    assert one.rows("SELECT state FROM alert_messages ORDER BY message_key") == [
        ("firing",), ("resolved",),
    ]  # fmt: skip


@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.5, 0.99])
def test_a_burst_that_nothing_follows_fires_at_once(machine, fraction):
    one = machine()
    one.open()
    one.look(times=3)
    one.look(fraction)
    one.calls(20, FAILED)  # in a second that isn't over
    began = one.now
    while one.states != {"error_rate mcp": "firing"}:
        one.look(0.5)
        assert one.now - began < 6


def test_what_is_quiet_after_a_failure_is_resolved_when_the_window_has_passed(machine):
    one = machine()
    one.calls(20, FAILED)
    one.look(times=4)
    assert one.states == {"error_rate mcp": "firing"}
    one.look(5.0, times=50)
    assert one.states == {"error_rate mcp": "firing"}
    one.look(5.0, times=25)
    assert one.states == {}
    (detail,) = one.rows("SELECT detail ->> 'resolved' ->> 'why' FROM alerts")
    assert detail == ("no_events",)


def test_a_flapping_service_is_told_of_once(machine):
    one = machine(slack_webhook_url="https://hooks.example/x", alert_window_minutes=1)
    for step in range(120):  # 4.5 % and 6.5 % in turn, each for some seconds
        failed = 4 if (step // 5) % 2 else 7
        one.calls(100 - failed)
        one.calls(failed, FAILED)
        one.look(2.0)
    assert one.rows("SELECT state, count(*) FROM alert_messages GROUP BY state") == [("firing", 1)]


def test_slow_and_failing_at_once_are_one_message(machine):
    one = machine(slack_webhook_url="https://hooks.example/x")
    one.calls(20, FAILED, duration_ms=3000)
    one.look(times=4)
    assert one.states == {"error_rate mcp": "firing", "response_time mcp": "firing"}
    due = one.evaluator._alert_store.claim("slack", START + round(one.now * NS) + NS, NS)
    text = one.evaluator._compose(due.notifications).text()
    assert text.count("[ALERT]") == 2
    assert "Average Response Time: 3,000 ms" in text


def test_thresholds_hold_as_soon_as_the_file_is_saved(machine, home):
    one = machine()
    one.calls(100)
    one.calls(2, FAILED)
    one.look(times=12)
    assert one.states == {}
    save_rules(home / FILE_NAME, {"error_rate": 0.01})
    one.look(times=14)
    assert one.states == {"error_rate mcp": "firing"}
    save_rules(home / FILE_NAME, {"rules": ["disk"]})
    one.look(times=40)
    assert one.states == {}


def test_a_file_that_is_being_edited_changes_nothing(machine, home, caplog):
    save_rules(home / FILE_NAME, {"error_rate": 0.5})
    one = machine()
    one.look()
    (home / FILE_NAME).write_text("error_rate = 0.0", encoding="utf-8")
    one.look(times=3)
    assert one.evaluator._read.rules.error_rate == 0.5
    assert "the value of error_rate is invalid" in caplog.text
    assert caplog.text.count("is invalid") == 1  # once, not twice a second


def test_of_two_one_evaluates_and_the_other_takes_over(machine):
    first, second = machine(), machine()
    first.calls(20, FAILED)
    for _ in range(4):
        first.look()
        second.look()
    assert first.states == {"error_rate mcp": "firing"}
    assert not second.evaluator._is_leading
    assert not second.evaluator._may_send()
    first.evaluator._leader.release()
    second.look()
    assert second.states == {"error_rate mcp": "firing"}
    assert second.evaluator._may_send()
    second.look(times=3)
    assert second.rows() == [("error_rate", "mcp", "firing")]


def test_without_a_home_nobody_can_be_told_apart_until_there_is_one(machine, home):
    home.rmdir()
    first, second = machine(), machine()
    first.look()
    second.look()
    assert first.evaluator._is_leading
    assert second.evaluator._is_leading
    home.mkdir(mode=0o700)
    first.look()
    second.look()
    assert first.evaluator._may_send()
    assert not second.evaluator._may_send()


def test_after_a_restart_it_goes_on_where_it_was(machine):
    one = machine()
    one.calls(20, FAILED)
    one.look(times=4)
    one.evaluator._leader.release()
    other = machine()
    other.now = one.now
    other.look(times=3)
    assert other.states == {"error_rate mcp": "firing"}
    assert other.rows() == [("error_rate", "mcp", "firing")]


@pytest.mark.parametrize("broken", ["garbage", "locked"])
def test_a_broken_database_is_an_alert_that_is_told(machine, home, catch, broken):
    catcher = catch()
    one = machine(slack_webhook_url=catcher.url)
    one.calls(5)
    one.look(times=2)
    locking = None
    if broken == "garbage":
        one.writer.close()
        one.writer = None
        for suffix in ("-wal", "-shm"):
            (home / f"cortex.db{suffix}").unlink(missing_ok=True)
        replaced = home / "new"
        replaced.write_bytes(b"no database" * 1000)
        replaced.rename(home / "cortex.db")
    else:
        locking = apsw.Connection(str(home / "cortex.db"))
        locking.execute("BEGIN IMMEDIATE")
        heartbeat = home / "writers"
        heartbeat.mkdir()
        (heartbeat / "1-1.json").write_text(
            f'{{"pid": {os.getpid()}, "service": "mcp", "trouble": "locked"}}', encoding="utf-8"
        )
    one.look(times=6)
    assert one.states == {"store": "firing"}
    one.evaluator._deliveries[0].start()
    wait_for(lambda: catcher.texts)
    reason = "is damaged" if broken == "garbage" else "keeps the database locked"
    assert reason in catcher.texts[0]
    if locking is None:
        (home / "cortex.db").unlink()
        one.open()
    else:
        locking.close()
        (home / "writers" / "1-1.json").unlink()
    one.look(times=15)
    assert one.states == {}
    wait_for(lambda: len(catcher.texts) == 2)
    assert catcher.texts[1].startswith("[RESOLVED] Telemetry Store")
    assert one.rows() == [("store", "", "resolved")]
    wait_for(lambda: one.rows("SELECT count(*) FROM alert_messages WHERE delivered > 0") == [(2,)])


def test_without_a_database_nothing_is_wrong_and_none_is_made(machine, home):
    one = machine()
    one.look(times=8)
    assert one.states == {}
    assert not (home / "cortex.db").exists()


def test_a_service_that_stays_away_is_missed_for_an_hour(machine):
    one = machine()
    one.open()
    one.look()
    one.evaluator._processes._down.add("mcp")
    one.look(times=5)
    assert one.states == {"service_down mcp": "firing"}
    one.look(60.0, times=59)
    assert one.states == {"service_down mcp": "firing"}
    one.look(60.0, times=4)
    assert one.states == {}


def test_quiet_hours_hold_messages_back(machine, home, catch):
    here = local_zone().iso(time.time_ns())[11:13]
    catcher = catch()
    one = machine(
        slack_webhook_url=catcher.url, alert_quiet_hours=f"{here}:00-{(int(here) + 2) % 24:02}:00"
    )
    one.calls(20, FAILED)
    one.look(times=4)
    assert one.states == {"error_rate mcp": "firing"}
    assert one.evaluator._is_leading
    assert not one.evaluator._may_send()
    assert catcher.received == []


def test_a_question_that_takes_too_long_is_trouble(machine, monkeypatch):
    one = machine()
    one.calls(20)

    def too_slow(*_):
        raise QueryTimeoutError("health", 1000)

    monkeypatch.setattr(observations, "health", too_slow)
    one.look(times=20)
    assert one.states == {"store": "firing"}
    monkeypatch.undo()
    one.look(times=20)
    assert one.states == {}
