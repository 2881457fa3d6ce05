"""Slack as it is on bad days: each message arrives in the end, and none of them twice."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from patience import wait_for

from cortex_otel.operate.alerts import channels, delivery
from cortex_otel.operate.alerts.alert_store import AlertStore
from cortex_otel.operate.alerts.channels import channels_of
from cortex_otel.operate.alerts.delivery import Delivery
from cortex_otel.operate.alerts.messages import Message
from cortex_otel.operate.alerts.states import Alert
from cortex_otel.query.zones import UTC_ZONE
from cortex_otel.settings import Settings


class Sending:
    """One channel's thread over a database."""

    def __init__(self, database, url):
        self.alert_store = AlertStore(database)
        self.may_send = True
        (channel,) = channels_of(Settings(slack_webhook_url=url))

        def compose(notifications):
            return Message(notifications, Settings(), UTC_ZONE, "en", time.time_ns())

        self.delivery = Delivery(self.alert_store, channel, compose, lambda: self.may_send)
        self.delivery.start()

    def fire(self, subject="mcp"):
        now = time.time_ns()
        alert = Alert(rule="service_down", subject=subject, since_ns=now)
        (alert,) = self.alert_store.save([], [alert], [], ["slack"], now)
        alert = replace(alert, state="firing", fired_ns=now)
        self.alert_store.save([alert], [alert], [], ["slack"], now)
        self.delivery.wake()
        return alert

    def end(self, alert):
        now = time.time_ns()
        alert = replace(alert, state="resolved", resolved_ns=now)
        self.alert_store.save([alert], [alert], [], ["slack"], now)
        self.delivery.wake()

    def states(self):
        records = self.alert_store._records()
        return sorted(
            records.connection.execute(
                "SELECT state, delivered IS NOT NULL, given_up IS NOT NULL, error "
                "FROM alert_messages"
            )
        )

    def stop(self):
        began = time.monotonic()
        self.delivery.begin_to_stop()
        self.delivery.stop(began + 0.45)
        return time.monotonic() - began


@pytest.fixture
def sending(database, monkeypatch):
    # The waits are tested by what they are; nobody has to sit through them.
    monkeypatch.setattr(delivery, "_FIRST_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "_SECONDS_BETWEEN", 0.1)
    monkeypatch.setattr(channels, "_POST_SECONDS", 0.5)
    started = []

    def start(url):
        started.append(Sending(database, url))
        return started[-1]

    yield start
    for each in started:
        each.stop()
        each.alert_store.close()


@pytest.mark.parametrize(
    "answers",
    [
        [500],
        [(429, b"", {"retry-after": "1"})],
        [500, 503, 502],
        ["nothing", "nothing"],
        ["garbage"],
        ["slow"],
        ["drip"],
        [(429, b"", {"retry-after": "0"}), "garbage", 500, "nothing"],
    ],
    ids=str,
)
def test_it_is_tried_until_it_is_taken_and_not_again(catch, sending, answers):
    catcher = catch(*answers)
    one = sending(catcher.url)
    one.fire()
    wait_for(lambda: catcher.texts)
    wait_for(lambda: one.states() == [("firing", 1, 0, None)])
    one.fire("extension")  # whatever comes next has only the next
    wait_for(lambda: len(catcher.texts) == 2)
    assert [each.count("[ALERT]") for each in catcher.texts] == [1, 1]
    assert len(catcher.received) == len(answers) + 2


def test_slack_waits_as_long_as_it_asks(catch, sending):
    catcher = catch((429, b"", {"retry-after": "1"}))
    one = sending(catcher.url)
    one.fire()
    wait_for(lambda: catcher.received)
    one.fire("extension")  # even if something is new
    wait_for(lambda: catcher.texts)
    (first, *_), (second, *_) = catcher.received
    assert second - first >= 1
    assert catcher.texts[0].count("[ALERT]") == 2


def test_a_webhook_that_was_revoked_is_left_alone(catch, sending):
    catcher = catch((404, b"no_service", {}))
    one = sending(catcher.url)
    alert = one.fire()
    wait_for(lambda: one.states() == [("firing", 0, 1, "HTTP 404 no_service")])
    one.end(alert)
    one.fire("extension")  # the next alert tries again, once
    wait_for(lambda: catcher.texts)
    assert "RESOLVED" not in catcher.texts[0]
    assert len(catcher.received) == 2


def test_what_ends_before_it_could_be_told_is_one_line(catch, sending):
    catcher = catch(500, 500)
    one = sending(catcher.url)
    one.may_send = False
    alert = one.fire()
    one.fire("extension")
    one.end(alert)
    one.may_send = True
    wait_for(lambda: catcher.texts)
    assert catcher.texts[0].count("[ALERT]") == catcher.texts[0].count("[RESOLVED]") == 1


def test_several_at_once_are_one_message(catch, sending):
    catcher = catch()
    one = sending(catcher.url)
    for number in range(5):
        one.fire(f"service{number}")
    wait_for(lambda: catcher.texts)
    wait_for(lambda: len(one.states()) == 5 and all(state[1] for state in one.states()))
    assert sum(text.count("[ALERT]") for text in catcher.texts) == 5
    assert len(catcher.texts) < 5


@pytest.mark.timing
def test_it_ends_within_half_a_second_whatever_slack_does(catch, sending, monkeypatch):
    monkeypatch.setattr(channels, "_POST_SECONDS", 20)
    catcher = catch("slow")
    one = sending(catcher.url)
    one.fire()
    wait_for(lambda: catcher.received)
    assert one.stop() < 0.5
    assert not one.delivery._thread.is_alive()
    # The next process does it, when the lease is over.
    assert one.states() == [("firing", 0, 0, None)]


def test_the_waits_grow_to_five_minutes():
    waits = [
        min(delivery._FIRST_RETRY_SECONDS * 2.0 ** min(each, 20), delivery._LAST_RETRY_SECONDS)
        for each in range(100)
    ]
    assert waits[:4] == [1, 2, 4, 8]
    assert max(waits) == 300
