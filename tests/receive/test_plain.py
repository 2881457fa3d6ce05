"""The JSON endpoints: the same rules and rows as the typed events, and what the OpenAPI says."""

from __future__ import annotations

import hashlib
import inspect
import json

import httpx
import pytest
from receiver_kit import JSON, NOW

from cortex_otel.instrument import events
from cortex_otel.instrument.event_types import EVENTS
from cortex_otel.receive import openapi, plain

pytestmark = pytest.mark.system

BASE = "/api/telemetry/extension/"
GOOD = {
    "install": {"ide": "vscode", "version": "1.2.3", "ide_version": "1.126.0"},
    "activate": {
        "ide": "cursor", "project_path": "/home/joe/secret-project", "ide_version": "1.126.0",
    },
    "ui-interaction": {"action": "click", "element": "open_panel"},
    "code-insert": {"language": "python", "lines_inserted": 12, "completion_accepted": True},
    "context-switch": {"from_branch": "main", "to_branch": "secret", "file_path": "/tmp/secret.py"},
    "error": {"error_type": "RangeError", "message": "secret", "crash": True,
              "stack": "RangeError: secret\n    at open (/home/joe/ext/panel.js:10:5)"},
}  # fmt: skip


def post(server, name, body, **headers):
    return server.post(
        BASE + name,
        body if isinstance(body, (str, bytes)) else json.dumps(body),
        **{**JSON, **headers},
    )


@pytest.mark.parametrize("name", GOOD)
def test_each_event(server, name):
    common = {
        "session_id": "s1", "user_id": "joe", "tier": "paid", "os": "linux", "ide": "vscode",
        "extension_version": "1.2.3", "time": "2026-11-25T09:00:00.123456+09:00", "id": "id-1",
        "project_id": "p", "branch_id": "/home/joe/branch",
    }  # fmt: skip
    answer = post(server, name, {**common, **GOOD[name]})
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 1, "rejected": 0, "errors": []}
    (row,) = server.rows()
    assert row["event_type"] == f"ext.{name.replace('-', '_')}"
    assert row["service"] == "extension"
    assert row["user_tier"] == "paid"
    assert row["user_id_hash"] == hashlib.sha256(b"joe").hexdigest()
    assert row["project_id"] == "p"
    if "ide_version" in GOOD[name]:
        assert json.loads(row["event_data"])["cortex.ide.version"] == "1.126.0"
    text = json.dumps([row, server.rows("SELECT * FROM telemetry_user_sessions")])
    assert "secret" not in text
    assert "joe" not in text
    (session,) = server.rows("SELECT * FROM telemetry_user_sessions")
    assert session["session_id"] == "s1"
    assert session["ide"] == GOOD[name].get("ide", "vscode")
    assert session["extension_version"] == "1.2.3"
    assert session["os"] == "linux"


def test_times(server):
    told = ["2026-11-25T09:00:00Z", "2026-11-25T18:00:00+09:00", 1_795_597_200_000]
    post(
        server, "ui-interaction", [{"action": f"a{n}", "time": time} for n, time in enumerate(told)]
    )
    assert [row["timestamp"] for row in server.rows()] == [1_795_597_200 * 10**9] * 3


def test_an_error_is_type_and_place(server):
    post(server, "error", GOOD["error"])
    (row,) = server.rows()
    assert (row["result"], row["level"]) == ("error", "CRITICAL")
    assert row["error_type"] == "RangeError"
    assert row["error_message"] == "RangeError at panel:open:10"


def test_a_list_where_one_is_bad(server):
    sent = [{"action": "click"}, {"action": 5}, "x", {"action": "drag", "nonsense": 1}, {}]
    answer = post(server, "ui-interaction", sent)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (2, 3)
    assert [(error["index"], error["field"]) for error in told["errors"]] == [
        (1, "action"), (2, None), (3, "nonsense"), (4, "action"),
    ]  # fmt: skip
    assert len(server.rows()) == 2


def test_a_misspelt_field_costs_the_event_nothing_else(server):
    answer = post(server, "ui-interaction", {"action": "click", "elment": "panel", "tear": None})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (1, 0)
    assert [error["field"] for error in told["errors"]] == ["elment", "tear"]
    assert "there are action, branch_id, element" in told["errors"][0]["message"]
    assert len(server.rows()) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"), ({"action": ""}, "action"), ({"action": "x" * 129}, "action"),
        ({"action": "a\nb"}, "action"), ({"action": "c", "tier": "gold"}, "tier"),
        ({"action": "c", "user_hash": "xyz"}, "user_hash"), ({"action": "c", "time": 5}, "time"),
        ({"action": "c", "time": "yesterday"}, "time"), ({"action": "c", "id": "1"}, "time"),
        ({"action": "c", "time": "2026-11-25T09:00:00"}, "time"),
        ({"action": "c", "time": True}, "time"), ({"action": "c", "os": "a b"}, "os"),
        ({"acton": "typo"}, "action"), ([{"action": 1}], "action"),
        ({"action": "c", "session_id": 5}, "session_id"), (5, None), ([], None), (None, None),
    ],
)  # fmt: skip
def test_a_bad_event_says_what_is_wrong(shared, body, field):
    answer = post(shared, "ui-interaction", body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["field"] == field
    assert error["message"]
    assert error["code"] in {"bad_event", "batch_size"}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("code-insert", {"language": "python", "lines_inserted": -1}),
        ("code-insert", {"language": "python", "lines_inserted": True}),
        ("code-insert", {"language": "python", "lines_inserted": 2**53}),
        ("code-insert", {"language": "python", "completion_accepted": "yes"}),
        ("error", {"error_type": "E", "result": "success"}),
        ("error", {"error_type": "E", "stack": "x" * 70_000}),
        ("activate", {"ide": "vscode", "project_path": "x" * 10_001}),
    ],
)
def test_the_rules_of_the_typed_events(shared, name, body):
    assert post(shared, name, body).status_code == 400


def test_a_batch_has_an_end(shared):
    assert post(shared, "ui-interaction", [{"action": "c"}] * 100).json()["accepted"] == 100
    answer = post(shared, "ui-interaction", [{"action": "c"}] * 101)
    assert answer.json()["error"]["code"] == "batch_size"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"action": NaN}', b'"\\ud800"'])
def test_no_json(shared, body):
    answer = post(shared, "ui-interaction", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "not_json"


def test_an_id_makes_it_idempotent(server):
    event = {"action": "click", "id": "a", "time": NOW // 1_000_000}
    post(server, "ui-interaction", [event, {**event, "id": "b"}])
    answer = post(server, "ui-interaction", event)
    assert answer.json() == {"accepted": 0, "rejected": 0, "errors": [], "duplicates": 1}
    post(server, "ui-interaction", [{"action": "click"}, {"action": "click"}])
    assert len(server.rows()) == 4


def test_accepted_is_stored(server):
    events = [{"action": "click", "time": NOW // 1_000_000}] * 3
    assert post(server, "ui-interaction", events).json()["accepted"] == 3
    assert len(server.rows()) == 3
    answer = post(server, "ui-interaction", [*events, events[0]])
    assert answer.json() == {"accepted": 1, "rejected": 0, "errors": [], "duplicates": 3}
    assert len(server.rows()) == 4


def test_what_is_refused_or_left_out_is_in_the_ledger(server):
    post(server, "ui-interaction", {"action": 5})  # 400: entered with the next, or at the end
    post(server, "ui-interaction", [{"action": 5}] * 101)
    post(server, "ui-interaction", [{"action": "a", "nope": 1}, {"action": 5}, {"nope": 1}])
    expected = {
        "event|received|": 105,
        "event|stored|": 1,
        "event|dropped|invalid": 104,
        "value|left_out|unreadable": 1,
    }
    assert server.ledger() == expected
    post(server, "ui-interaction", {"action": 5})
    server.stop()
    assert server.ledger()["event|dropped|invalid"] == 105


def test_an_id_is_of_one_window(server):
    event = {"action": "click", "id": "1", "time": NOW // 1_000_000}
    for window in ("a", "b", "a"):
        post(server, "ui-interaction", {**event, "session_id": window})
    assert len(server.rows()) == 2


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "install", {}, 405), ("POST", "uninstall", JSON, 404), ("POST", "", JSON, 404),
        ("POST", "install", {"content-type": "text/plain"}, 415), ("POST", "install", {}, 415),
        ("POST", "install", {**JSON, "content-encoding": "gzip"}, 415),
    ],
)  # fmt: skip
def test_other_errors_have_one_form(shared, method, path, headers, status):
    answer = httpx.request(method, shared.url + BASE + path, headers=headers, content=b"{}")
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "field"}


def test_the_openapi_is_made_of_the_typed_events():
    document = openapi.description("http://localhost", needs_token=False)
    functions = {"ext.error": events.extension_error}
    for path, route in plain.ROUTES.items():
        event_type = route.event_type
        operation = document["paths"][path]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]["anyOf"][0]
        fields = {field.name for field in EVENTS[event_type].fields}
        assert set(schema["properties"]) == fields | set(plain.COMMON) | {"time"}
        function = functions.get(event_type) or getattr(events, event_type.removeprefix("ext."))
        needed = {
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.default is parameter.empty
        }
        assert set(schema["required"]) == needed


def test_the_openapi_is_served(shared):
    answer = httpx.get(f"{shared.url}{openapi.PATH}")
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.json()["servers"] == [{"url": shared.url}]
