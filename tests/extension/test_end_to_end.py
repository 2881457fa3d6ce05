"""The sample extension in a process of its own, the real receiver, and a real MCP server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time

import pytest
from patience import PATIENCE, wait_for

pytestmark = pytest.mark.system

JOB = {
    "user": "alice@example.com", "tier": "paid", "queries": [], "events": 0, "server": [],
    "editor": {"uriScheme": "cursor", "appName": "Cursor"},
}  # fmt: skip
ALICE = hashlib.sha256(b"alice@example.com").hexdigest()


def rows(home, sql):
    with sqlite3.connect(f"file:{home / 'cortex.db'}?mode=ro", uri=True) as database:
        database.row_factory = sqlite3.Row
        found = [dict(row) for row in database.execute(sql)]
    database.close()
    return found


def stored_of(home):
    """How many events are stored; 0 while there is no database."""
    with contextlib.suppress(sqlite3.Error):
        return rows(home, "SELECT count(*) n FROM telemetry_events")[0]["n"]
    return 0


@pytest.mark.timing
def test_a_click_and_the_tool_call_it_causes_are_one_trace(drive, serve, tmp_path):
    told = drive(
        "sample",
        {
            **JOB,
            "storage": str(tmp_path / "storage"),
            "endpoint": serve.url,
            "server": [sys.executable, "-m", "cortex_otel.demo.server"],
            "queries": ["budget", "roadmap"],
        },
        env={"CORTEX_OTEL_HOME": str(serve.home), "CORTEX_OTEL_USER_ID": "alice@example.com",
             "CORTEX_OTEL_USER_TIER": "paid"},
    )  # fmt: skip
    assert all(isinstance(notes, list) for notes in told["found"])
    assert told["deactivateMs"] < 1000

    events = rows(serve.home, "SELECT * FROM telemetry_events ORDER BY id")
    by_type = {}
    for event in events:
        by_type.setdefault(event["event_type"], []).append(event)
    assert {"ext.install", "ext.activate", "ext.code_insert", "ext.error"} <= by_type.keys()

    clicks = by_type["ext.ui_interaction"]
    calls = [one for one in by_type["mcp.tool_call"] if one["tool_name"] == "search_context"]
    assert len(clicks) == len(calls) == 2
    assert len({click["trace_id"] for click in clicks}) == 2
    for click, call in zip(clicks, calls, strict=True):
        assert call["trace_id"] == click["trace_id"]
        assert call["parent_span_id"] == click["span_id"]
        assert click["timestamp"] <= call["timestamp"]
        assert click["duration_ms"] >= call["duration_ms"] > 0
        assert (click["service"], call["service"]) == ("extension", "mcp")
        assert click["feature"] == "command search"

    # One person, on both sides.
    assert {one["user_id_hash"] for one in events if one["event_type"] != "span"} == {ALICE}
    ours = [one for one in events if one["service"] == "extension"]
    assert {one["user_tier"] for one in ours} == {"paid"}
    assert len({one["session_id"] for one in ours}) == 1


def test_what_the_rows_say(drive, serve, tmp_path):
    storage = tmp_path / "storage"
    drive("sample", {**JOB, "storage": str(storage), "endpoint": serve.url})
    events = {
        one["event_type"]: {**one, **json.loads(one["event_data"])}
        for one in rows(serve.home, "SELECT * FROM telemetry_events")
    }
    assert events["ext.install"]["cortex.ide"] == "cursor"
    assert events["ext.install"]["cortex.ide.version"] == "1.126.0"
    assert events["ext.install"]["cortex.extension.version"] == "2.3.4"
    assert events["ext.activate"]["cortex.project.path.length"] == len("/srv/secret-project")
    assert events["ext.code_insert"]["cortex.code.lines_inserted"] == 3
    crash = events["ext.error"]
    assert (crash["result"], crash["error_type"], crash["level"]) == (
        "error",
        "RangeError",
        "CRITICAL",
    )
    # The editor has taken the path out of an error that nobody caught.
    assert re.fullmatch(r"RangeError at _:runSample:\d+", crash["error_message"])
    (session,) = rows(serve.home, "SELECT * FROM telemetry_user_sessions")
    assert session["ide"] == "cursor"
    assert session["extension_version"] == "2.3.4"
    assert session["os"] == {"win32": "windows"}.get(sys.platform, sys.platform)
    assert session["user_id_hash"] == ALICE
    assert session["error_count"] == 1
    assert session["event_count"] == len(events)

    everything = b"".join(
        path.read_bytes()
        for directory in (storage, serve.home)
        for path in directory.rglob("*")
        if path.is_file()
    )
    for secret in (b"alice@example", b"secret-project", b"private text"):
        assert secret not in everything


def test_receiver_killed_again_and_again_nothing_is_lost_and_nothing_stored_twice(
    drive, serve, tmp_path
):
    given = {**JOB, "storage": str(tmp_path / "storage"), "endpoint": serve.url, "events": 600}
    client = subprocess.Popen(
        ["node", str(drive.program), "load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | drive.environ,
    )
    client.stdin.write(json.dumps(given))
    client.stdin.close()
    wait_for(lambda: stored_of(serve.home))  # it is at it, for another second at least
    for _ in range(3):
        serve.kill()
        serve.start()
        time.sleep(0.4)
    status = json.loads(client.stdout.read())
    assert client.wait(timeout=PATIENCE) == 0
    client.stdout.close()
    assert status["sent"] == 600
    assert (status["dropped"], status["rejected"], status["faults"]) == ({}, 0, 0)
    assert status["failures"] > 0  # it did meet a receiver that was away
    stored = rows(serve.home, "SELECT event_data FROM telemetry_events")
    lines = [json.loads(one["event_data"])["cortex.code.lines_inserted"] for one in stored]
    assert sorted(lines) == list(range(600))


def test_two_windows_on_one_storage_one_of_them_killed(drive, serve, tmp_path):
    given = {**JOB, "storage": str(tmp_path / "storage"), "endpoint": serve.url, "events": 400}
    windows = [
        subprocess.Popen(
            ["node", str(drive.program), "load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | drive.environ,
        )
        for _ in range(2)
    ]
    for window in windows:
        window.stdin.write(json.dumps(given))
        window.stdin.close()
    killed, survivor = windows
    wait_for(lambda: list((tmp_path / "storage").rglob("*.json")))
    time.sleep(0.3)
    killed.kill()
    killed.wait(timeout=PATIENCE)
    killed.stdout.close()
    status = json.loads(survivor.stdout.read())
    survivor.stdout.close()
    assert survivor.wait(timeout=PATIENCE) == 0
    assert (status["dropped"], status["rejected"], status["faults"]) == ({}, 0, 0)
    drive("load", {**given, "events": 0})

    lines = {}
    for row in rows(serve.home, "SELECT session_id, event_data FROM telemetry_events ORDER BY id"):
        number = json.loads(row["event_data"])["cortex.code.lines_inserted"]
        lines.setdefault(row["session_id"], []).append(number)
    assert sorted(lines.pop(status["sessionId"])) == list(range(400))
    # Of the killed one: all but what it still gathered, without a gap, and none twice.
    for numbers in lines.values():
        assert sorted(numbers) == list(range(len(numbers)))
    assert not list((tmp_path / "storage").rglob("*.json"))


@pytest.mark.parametrize("token", ["", "a-wrong-token-of-24-letters"])
def test_a_receiver_that_wants_a_token(drive, tmp_path, monkeypatch, token, serve_with):
    monkeypatch.setenv("CORTEX_OTEL_RECEIVER_TOKEN", "the-right-token-of-the-operator")
    running = serve_with()
    given = {**JOB, "storage": str(tmp_path / "storage"), "endpoint": running.url, "events": 3}
    refused = drive("load", {**given, "token": token, "patienceMs": 300})
    assert refused["lastFailure"] in {"status 401", "status 403"}
    assert refused["queued"]["envelopes"] > 0
    taken = drive("load", {**given, "events": 0, "token": "the-right-token-of-the-operator"})
    assert taken["sent"] == 3
    assert len(rows(running.home, "SELECT 1 FROM telemetry_events")) == 3
