"""A real ``serve``, a real MCP server that fails, and a receiver in Slack's place."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")
pytest.importorskip("mcp", reason="needs an MCP library")

import apsw
import httpx
from alert_kit import SECRET, McpServer, Serve, surroundings
from patience import PATIENCE, wait_for

from cortex_otel.operate.alerts.evaluator import Evaluator
from cortex_otel.query.zones import zone
from cortex_otel.settings import read_environment

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
BAR_SECONDS = 10


@pytest.fixture
def started():
    """Started programs, which are ended."""
    found = []
    yield lambda one: found.append(one) or one
    for one in reversed(found):
        one.kill()


def rows(home, sql):
    connection = apsw.Connection(str(home / "cortex.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(int(PATIENCE * 1000))
        return list(connection.execute(sql))
    except apsw.SQLError:  # it has just been made, and has no tables yet
        return []
    finally:
        connection.close()


def command(home, *arguments, **more):
    return subprocess.run(
        [sys.executable, "-P", "-m", "cortex_otel.cli", *arguments],
        env=surroundings(home, **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.timing
def test_a_failing_server_is_told_within_ten_seconds(home, catch, started):
    catcher = catch()
    started(Serve(home, CORTEX_OTEL_SLACK_WEBHOOK_URL=catcher.url))
    server = started(McpServer(home))
    server.call(50, fails=False)
    began = time.time()
    server.call(12)
    wait_for(lambda: catcher.texts)
    at, *_ = catcher.received[0]
    assert at - began < BAR_SECONDS
    assert catcher.texts[0].startswith("[ALERT] MCP Service Error Rate: ")
    began = time.time()
    server.kill()
    wait_for(lambda: len(catcher.texts) == 2)
    at, *_ = catcher.received[1]
    assert at - began < BAR_SECONDS
    assert catcher.texts[1].startswith("[ALERT] MCP Service Down\n")
    started(McpServer(home)).call(fails=False)
    wait_for(lambda: len(catcher.texts) == 3)
    assert catcher.texts[2].startswith("[RESOLVED] MCP Service Down\n")


def test_the_number_is_that_of_the_query_and_no_secret_is_anywhere(home, catch, started):
    catcher = catch(500, (404, SECRET.encode(), {}))
    key = f"whsec_{SECRET}{'A' * 24}"[:38]
    secrets = {
        "CORTEX_OTEL_SLACK_WEBHOOK_URL": catcher.url,
        "CORTEX_OTEL_ALERT_WEBHOOK_URL": f"{catcher.url}?token={SECRET}",
        "CORTEX_OTEL_ALERT_WEBHOOK_KEY": key,
        "CORTEX_OTEL_ALERT_COMMAND": f"/nowhere/{SECRET}",
    }
    serve = started(Serve(home, **secrets))
    server = started(McpServer(home, CORTEX_OTEL_USER_ID="user-4711"))
    server.call(20, fails=False)
    server.call(15)
    sql = "SELECT count(*) FROM alert_messages WHERE delivered > 0 OR given_up > 0"
    wait_for(lambda: (home / "cortex.db").exists() and rows(home, sql) == [(3,)])
    ((value, from_ns, to_ns),) = rows(
        home,
        "SELECT value, detail ->> 'from_ns', detail ->> 'to_ns' FROM alerts "
        "WHERE rule = 'error_rate'",
    )
    seoul = zone("Asia/Seoul")
    asked = command(
        home, "query", "health", "--since", seoul.iso(from_ns), "--until", seoul.iso(to_ns),
        "--format", "json",
    )  # fmt: skip
    (row,) = json.loads(asked.stdout)["rows"]
    assert row["error_rate"] == value
    text = next(each["text"] for each in catcher.accepted)
    assert f"{value * 100:.1f}".removesuffix(".0") + "%" in text

    headers = {"authorization": f"Bearer {serve.url.partition('token=')[2]}"}
    base = serve.url.partition("/admin")[0]
    outputs = [text, asked.stdout]
    for path in (
        "/admin/telemetry/operations",
        "/admin/telemetry/overview",
        "/api/telemetry/alerts",
        "/api/telemetry/panels/operations/alerts",
        "/api/telemetry/panels/operations/firing",
        "/api/telemetry/questions",
    ):
        answer = httpx.get(base + path, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 200, path
        outputs.append(answer.text)
    for line in ("alerts", "alerts --json", "alerts test", "alerts test --json", "status"):
        done = command(home, *line.split(), **secrets)
        outputs += [done.stdout, done.stderr]
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False)
    outputs.append(listed.stdout)
    serve.stop()
    outputs.append(serve.output)
    for path in home.rglob("*"):
        if path.is_file():
            outputs.append(path.read_bytes().decode("latin-1"))
    for output in outputs:
        assert SECRET not in output
        assert key not in output
    for sent in (text, json.dumps(catcher.accepted)):
        assert "user@example.com" not in sent
        assert "user-4711" not in sent
    assert any("given up: can't be started" in output for output in outputs)


def test_a_server_whose_client_leaves_is_no_alert(home, started):
    evaluator = Evaluator(read_environment(surroundings(home)))
    began = time.monotonic()

    def look(seconds):
        """Once, so long after the start."""
        evaluator._look(time.time_ns(), began + seconds)

    down = "SELECT state FROM alerts WHERE rule = 'service_down'"
    try:
        leaving, staying = started(McpServer(home)), started(McpServer(home))
        leaving.call(fails=False)
        staying.call(fails=False)
        wait_for(lambda: len(list((home / "writers").glob("*.json"))) == 2)
        look(0)
        leaving.close()
        staying.close()
        for seconds in (1, 10, 20):
            look(seconds)
        assert rows(home, down) == []
        # One that was killed is missed, with the same looks.
        killed = started(McpServer(home))
        killed.call(fails=False)
        wait_for(lambda: list((home / "writers").glob("*.json")))
        look(30)
        killed.kill()
        for seconds in (31, 40, 50):
            look(seconds)
        assert rows(home, down) == [("firing",)]
    finally:
        evaluator.stop()


def test_what_a_killed_serve_didnt_tell_another_tells_once(home, catch, started):
    catcher = catch(*[500] * 3)
    channel = {"CORTEX_OTEL_SLACK_WEBHOOK_URL": catcher.url}
    first = started(Serve(home, **channel))
    server = started(McpServer(home))
    server.call(20)
    wait_for(lambda: catcher.received)
    first.kill()
    others = [started(Serve(home, **channel)), started(Serve(home, **channel))]
    wait_for(lambda: catcher.texts)
    wait_for(lambda: rows(home, "SELECT count(*) FROM alert_messages WHERE delivered > 0")[0][0])
    server.kill()  # whatever comes next has only the next
    wait_for(lambda: any("Service Down" in text for text in catcher.texts))
    assert "".join(catcher.texts).count("[ALERT] MCP Service Error Rate") == 1
    assert "".join(catcher.texts).count("[ALERT] MCP Service Down") == 1
    others[0].stop()
    others[1].stop()


def test_what_a_revoked_webhook_didnt_take_the_next_one_gets_once(home, catch, started):
    revoked, renewed = catch((404, b"no_service", {})), catch()
    first = started(Serve(home, CORTEX_OTEL_SLACK_WEBHOOK_URL=revoked.url))
    server = started(McpServer(home))
    server.call(20)
    given_up = "SELECT count(*) FROM alert_messages WHERE given_up > 0"
    wait_for(lambda: revoked.received)
    wait_for(lambda: rows(home, given_up)[0][0])
    first.stop()
    second = started(Serve(home, CORTEX_OTEL_SLACK_WEBHOOK_URL=renewed.url))
    wait_for(lambda: renewed.texts)
    second.stop()
    full = {"CORTEX_OTEL_ALERT_DISK_FREE_MB": "10000000"}
    third = started(Serve(home, CORTEX_OTEL_SLACK_WEBHOOK_URL=renewed.url, **full))
    # Whatever comes next has only the next.
    wait_for(lambda: any("Disk Nearly Full" in text for text in renewed.texts))
    third.stop()
    assert "".join(renewed.texts).count("[ALERT] MCP Service Error Rate") == 1
    assert len(revoked.received) == 1


@pytest.mark.timing
def test_ctrl_c_doesnt_wait_for_slack(home, catch, started):
    catcher = catch("slow")
    serve = started(Serve(home, CORTEX_OTEL_SLACK_WEBHOOK_URL=catcher.url))
    started(McpServer(home)).call(20)
    wait_for(lambda: catcher.received)
    seconds = serve.stop(signal.SIGINT)
    assert "Traceback" not in serve.output
    # What the interpreter needs to end, on this machine at this time.
    without = started(Serve(home, CORTEX_OTEL_ALERT_RULES="disk"))
    assert seconds < without.stop(signal.SIGINT) + 1.5


def test_the_command_line(home, catch, started):
    done = command(home, "alerts")
    assert done.returncode == 1
    assert "no database" in done.stderr
    done = command(home, "alerts", "test")
    assert (done.returncode, done.stdout) == (2, "")
    assert "CORTEX_OTEL_SLACK_WEBHOOK_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = command(home, "alerts", "--channel", "slack")
    assert done.returncode == 2
    catcher = catch((403, b"invalid_token", {}))
    channel = {"CORTEX_OTEL_SLACK_WEBHOOK_URL": catcher.url}
    done = command(home, "alerts", "test", **channel)
    assert (done.returncode, done.stdout) == (1, "slack: not delivered (HTTP 403 invalid_token)\n")
    done = command(home, "alerts", "test", "--channel", "slack", "--json", **channel)
    assert json.loads(done.stdout) == {"slack": {"delivered": True, "answer": "HTTP 200 ok"}}
    assert "This is a test of cortex-otel" in catcher.texts[0]
    assert not (home / "cortex.db").exists()
    started(McpServer(home)).call(fails=False)
    wait_for((home / "cortex.db").exists)
    done = command(home, "alerts", LC_ALL="ko_KR.UTF-8")
    assert done.stdout == "잘못된 것이 없으며, 지난 30일 동안에도 없었습니다.\n"
    (home / "alerts.toml").write_text("error_rate = 7", encoding="utf-8")
    done = command(home, "alerts")
    assert "alerts.toml, line 1: the value of error_rate is invalid" in done.stderr
    assert Path(home, "alerts.toml").read_text(encoding="utf-8") == "error_rate = 7"
