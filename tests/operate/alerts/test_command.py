"""``cortex-otel alerts``: what people read of an alert, and of whom it was told."""

from __future__ import annotations

import time

import pytest

from cortex_otel.cli import main
from cortex_otel.operate.alerts.records import Records
from cortex_otel.operate.alerts.states import Alert
from cortex_otel.show.value_labels import label_of
from cortex_otel_exporters.sqlite.files import open_for_writing

NS = 10**9


@pytest.fixture
def told(home):
    """A home with one alert, delivered to Slack; the webhook answers 500."""
    now_ns = time.time_ns()
    connection = open_for_writing(home / "cortex.db")
    records = Records(connection)
    alert = Alert(rule="error_rate", subject="mcp", since_ns=now_ns - 9 * NS, value=0.5)
    for state in ("pending", "firing"):
        fired_ns = now_ns - 5 * NS if state == "firing" else None
        (alert,) = records.save(
            [Alert(**{**_fields(alert), "state": state, "fired_ns": fired_ns})],
            ["slack", "webhook"], now_ns - 5 * NS,
        )  # fmt: skip
    for channel, outcome in (
        ("slack", {"delivered_ns": now_ns}),
        ("webhook", {"error": "HTTP 500"}),
    ):
        due = records.claim(channel, now_ns, NS)
        records.settle([each.key for each in due.notifications], next_attempt_ns=now_ns, **outcome)
    connection.close()
    return home


def _fields(alert):
    return {name: getattr(alert, name) for name in type(alert).__slots__}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("Firing", "Error rate", "Slack delivered, Webhook trying: HTTP 500")),
        ("ko", ("발생 중", "오류율", "Slack 전달됨, 웹훅 시도 중: HTTP 500")),
    ],
)
def test_it_says_who_was_told_in_the_users_language(told, capsys, monkeypatch, language, words):
    monkeypatch.setenv("CORTEX_OTEL_LANG", language)
    assert main(["alerts", "--home", str(told)]) == 0
    shown = capsys.readouterr().out
    assert all(each in shown for each in words), shown


def test_an_error_that_reads_like_a_delivery_stays_as_it_is():
    assert label_of("delivery", "command given up: slack delivered nothing", "ko") == (
        "명령 포기함: slack delivered nothing"
    )
