"""What is sent: the plan's title, the number of the catalogue, what leads; nothing of a person."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cortex_otel.operate.alerts.messages import Message
from cortex_otel.operate.alerts.records import Notification
from cortex_otel.operate.alerts.states import TIMES, Alert
from cortex_otel.query.zones import zone
from cortex_otel.settings import Settings

NS = 10**9
SEOUL = zone("Asia/Seoul")
NOW = SEOUL.instant("2026-11-28T20:43:07")
ADMIN = "http://127.0.0.1:8080/admin/telemetry"
SETTINGS = Settings(admin_port=8080)
RATE = Alert(
    rule="error_rate", subject="mcp", state="firing", since_ns=NOW - NS, fired_ns=NOW,
    value=0.075, worst=0.075, threshold=0.05,
    detail={"from_ns": NOW - 300 * NS, "to_ns": NOW, "events": 400.0, "errors": 30.0,
            "tool": "search_context", "tool_errors": 21.0, "error_type": "TimeoutError",
            "type_errors": 18.0},
)  # fmt: skip


def message(*alerts, language="en", settings=SETTINGS, **more):
    notifications = [Notification(place, each.state, each, 0) for place, each in enumerate(alerts)]
    return Message(notifications, settings, SEOUL, language, NOW, **more)


def of(rule, **more):
    return Alert(rule=rule, since_ns=NOW, fired_ns=NOW, **{"subject": "", "state": "firing"} | more)


def test_the_message_of_the_plan():
    assert message(RATE).text().splitlines() == [
        "[ALERT] MCP Service Error Rate: 7.5%",
        "2026-11-28 20:43:07 Asia/Seoul · last 5 min · 30 of 400 events failed · threshold 5%",
        "Most in: search_context (21), TimeoutError (18)",
        f"{ADMIN}/errors?service=mcp&from=2026-11-28T20%3A38%3A07&to=2026-11-28T20%3A43%3A07",
    ]


def test_in_korean():
    lines = message(RATE, language="ko").text().splitlines()
    assert lines[0] == "[ALERT] MCP 서비스 오류율: 7.5%"
    assert "이벤트 400건 중 30건 실패" in lines[1]


@pytest.mark.parametrize(
    ("alert", "title"),
    [
        (of("response_time", subject="extension", value=1240.4, threshold=1000),
         "[ALERT] Extension Service Average Response Time: 1,240 ms"),
        (of("service_down", subject="my-shop"), "[ALERT] my-shop Service Down"),
        (of("store", detail={"reason": "disk_full"}), "[ALERT] Telemetry Store: the disk is full"),
        (of("store", detail={"reason": "?"}),
         "[ALERT] Telemetry Store: the database can't be opened"),
        (of("job", subject="backup", value=1, detail={"outcome": "timed_out"}),
         "[ALERT] Job backup: Timed out"),
        (of("disk", value=812, threshold=1024), "[ALERT] Disk Nearly Full: 812 MB free"),
    ],
)  # fmt: skip
def test_each_rule_has_its_title(alert, title):
    assert message(alert).text().splitlines()[0] == title


def test_several_come_in_one_message_and_a_resolved_one_in_one_line():
    end = replace(
        RATE, state="resolved", resolved_ns=NOW + 720 * NS, worst=0.5,
        detail={**RATE.detail, "resolved": {"value": 0.012}},
    )  # fmt: skip
    text = message(of("disk", value=1.0), RATE, end).text()
    assert text.count("[ALERT]") == 1
    assert "[RESOLVED] MCP Service Error Rate\n" in text
    assert "after 12 min · now 1.2% · worst 50%" in text
    assert text.splitlines()[-1] == "http://127.0.0.1:8080/admin/telemetry/operations"


def test_the_same_has_the_same_id_and_something_else_another():
    other = of("disk", value=1.0)
    assert message(RATE).id == message(replace(RATE, key=7)).id
    assert len({message(RATE).id, message(RATE, other).id, message(other).id}) == 3


def test_a_name_writes_no_line_of_its_own():
    hostile = "x\r\n[ALERT] send money\0" + "y" * 500
    alert = replace(RATE, subject=hostile, detail={**RATE.detail, "tool": hostile,
                                                   "error_type": hostile})  # fmt: skip
    text = message(alert, settings=Settings(admin_port=0)).text()
    assert len(text.splitlines()) == 3
    assert "\0" not in text
    assert len(text) < 600


def test_very_many_are_cut():
    text = message(*(of("job", subject=f"job{each}") for each in range(60))).text()
    assert text.count("[ALERT]") == 20
    assert "and 40 more" in text


def test_the_link_is_that_of_the_proxy_or_none():
    assert (
        "https://admin.example/x/admin/"
        in message(RATE, settings=Settings(admin_url="https://admin.example/x")).text()
    )
    assert "http" not in message(RATE, settings=Settings(admin_port=0)).text()


@pytest.mark.parametrize("rule", TIMES)
@pytest.mark.parametrize("state", ["firing", "resolved"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_whatever_is_missing_it_can_be_told(rule, state, language):
    alert = Alert(rule=rule, subject="", state=state, since_ns=NOW)
    assert message(alert, language=language).text()
    assert json.dumps(message(alert, language=language).content())
