"""Alerts in the API: what fires, thresholds shown and changed, by pages of ours alone."""

from __future__ import annotations

import time

import httpx
import pytest
from patience import PATIENCE

from cortex_otel_exporters.sqlite.files import open_for_writing

pytestmark = pytest.mark.system

SECRET = "wEbHoOkSeCrEt0123456789"
PATH = "/api/telemetry/alerts"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    home = tmp_path_factory.mktemp("alerts")
    connection = open_for_writing(home / "cortex.db")
    now = time.time_ns()
    connection.execute(
        "INSERT INTO alerts (rule, subject, state, since, fired, value, threshold, detail) VALUES "
        "('error_rate', 'mcp', 'firing', ?, ?, 0.075, 0.05, "
        '\'{"tool": "search", "error_type": "ValueError"}\'), '
        "('disk', '', 'pending', ?, NULL, 12, 1024, '{}')",
        (now - 90 * 10**9, now - 60 * 10**9, now),
    )
    connection.close()
    return home


@pytest.fixture(scope="module")
def admin(place):
    """One over it, whose channel and one threshold are set by its environment."""
    import dataclasses
    import socket
    import threading

    from cortex_otel.settings import Settings
    from cortex_otel.show.web.app import create_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = dataclasses.replace(
        Settings(home=place, admin_token="token-0123456789abcdef"),
        slack_webhook_url=f"https://hooks.slack.com/{SECRET}", alert_min_events=25,
    )  # fmt: skip
    server, _ = create_server(settings, "")
    server.config.host, server.config.port = "127.0.0.1", port
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE,
        headers={"authorization": "Bearer token-0123456789abcdef"},
    ) as client:  # fmt: skip
        yield client
    server.should_exit = True
    thread.join(PATIENCE)


def test_what_fires_and_from_when_on(admin):
    answer = admin.get(PATH)
    assert answer.status_code == 200
    found = answer.json()
    (firing,) = found["firing"]
    assert (firing["rule"], firing["subject"], firing["shown_value"]) == (
        "error_rate", "mcp", "7.5%",
    )  # fmt: skip
    assert (firing["shown_threshold"], firing["tool_name"]) == ("5%", "search")
    assert firing["duration_ms"] > 59_000
    assert found["channels"] == ["slack"]
    assert found["rules"]["min_events"] == 25
    assert found["from_environment"] == {"min_events": "CORTEX_OTEL_ALERT_MIN_EVENTS"}
    assert SECRET not in answer.text


def test_thresholds_are_saved(admin, place):
    answer = admin.post(f"{PATH}/rules", json={"error_rate": 0.1, "quiet_hours": "22:00-08:00"})
    assert answer.status_code == 200
    assert answer.json()["rules"]["error_rate"] == 0.1
    assert "error_rate = 0.1" in (place / "alerts.toml").read_text(encoding="utf-8")
    assert admin.get(PATH).json()["rules"]["quiet_hours"] == "22:00-08:00"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error_rate": 7}, 400, "bad_alert_rules"),
        ({"quiet_hours": "late"}, 400, "bad_alert_rules"),
        ({"services": ["a b"]}, 400, "bad_alert_rules"),
        ({"min_events": 3}, 409, "set_by_environment"),
        ({"error_rate": "much"}, 400, None),
        ({"error_rate": True}, 400, None),
        ({"min_events": False}, 400, None),
        ({"slack_webhook_url": "https://elsewhere.example"}, 400, None),
        ({"command": ["rm"]}, 400, None),
    ],
)
def test_what_makes_no_sense_or_isnt_its_business_changes_nothing(admin, place, body, status, code):
    admin.post(f"{PATH}/rules", json={"error_rate": 0.2})
    before = (place / "alerts.toml").read_text(encoding="utf-8")
    answer = admin.post(f"{PATH}/rules", json=body)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]
    assert (place / "alerts.toml").read_text(encoding="utf-8") == before


def test_a_body_that_is_no_object_hears_what_a_rule_has(admin):
    message = admin.post(f"{PATH}/rules", json=[]).json()["error"]["message"]
    assert "error_rate" in message
    assert "steps" not in message


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"sec-fetch-site": "cross-site"},
        {"authorization": "Bearer wrong-0123456789abcdef"},
        {"authorization": ""},
        {"host": "elsewhere.example"},
    ],
)
def test_nobody_else_changes_thresholds(admin, headers):
    answer = admin.post(f"{PATH}/rules", json={"error_rate": 0.9}, headers=headers)
    assert answer.status_code in {401, 403}
    assert admin.get(PATH).json()["rules"]["error_rate"] != 0.9


def test_a_broken_file_is_said(admin, place):
    file = place / "alerts.toml"
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text("error_rate = 9", encoding="utf-8")
    (problem,) = admin.get(PATH, params={"lang": "ko"}).json()["problems"]
    assert "error_rate 값이 올바르지 않습니다" in problem
    file.write_text(before, encoding="utf-8")


def test_the_page_and_its_panels(admin):
    page = admin.get("/admin/telemetry/operations", params={"lang": "ko"})
    assert page.status_code == 200
    assert "작업과 경고" in page.text
    assert SECRET not in page.text
    panel = admin.get("/api/telemetry/panels/operations/firing").json()
    assert [row[0] for row in panel["rows"]] == ["error_rate"]
    panel = admin.get("/api/telemetry/panels/operations/alerts").json()
    assert sorted(row[0] for row in panel["rows"]) == ["disk", "error_rate"]
    assert admin.get("/api/telemetry/panels/operations/jobs").json()["rows"] == []
