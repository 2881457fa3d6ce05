"""Hosts whose threads are greenlets (gevent, eventlet), and event loops beside asyncio's own."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from cortex_otel.query.storage import TelemetryStorage
from cortex_otel_exporters.jsonl.reader import LogReader

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
GREEN, LOOPS = ("gevent", "eventlet"), ("uvloop", "trio")
MOMENTS = ("before-import", "after-import", "after-start", "after-first-record")
SECONDS = 90
REQUESTS = 20


@pytest.fixture
def home(tmp_path):
    return tmp_path / "telemetry"


@pytest.fixture
def start(stack_of, home):
    """Start a program of the environment; it is killed at the end, should it hang."""
    started = []

    def run(*command, **environment):
        stack = stack_of("loops")
        process = subprocess.Popen(
            [stack.bin / command[0], *command[1:]],
            cwd=home.parent,
            text=True,
            env=stack.environment(
                home, PYTHONWARNINGS="ignore", CORTEX_OTEL_LOG_FILE="true", **environment
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def finished(process) -> str:
    out, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors[-4000:]
    return out


def calls(home) -> Counter[str]:
    events = TelemetryStorage(home / "cortex.db").get_events("mcp.tool_call", limit=10_000)
    found = Counter(str(event["tool_name"]) for event in events)
    # The log file says the same, whoever wrote it.
    lines = LogReader(home / "logs", lambda line: line["event_type"] == "mcp.tool_call")
    assert Counter(line.fields["tool_name"] for line in lines.latest(10_000)) == found
    return found


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("library", GREEN)
def test_a_host_of_greenlets_is_recorded_whenever_it_patches(start, home, library, moment):
    told = json.loads(finished(start("python", HERE / "green_host.py", library, moment, "end")))
    assert (told["total"], told["flushed"]) == (sum(range(50)), True)
    # A callback on another thread would wait for locks of greenlets.
    assert told["callbacks_on_main"] == [True]
    assert calls(home) == {"outer": told["outer"], "inner": told["outer"] + 1}
    assert told["traces"] == 50  # no greenlet's span is another's parent


@pytest.mark.parametrize("library", GREEN)
def test_what_the_writer_has_to_say_is_logged_by_the_hosts_thread(start, library):
    host = start("python", HERE / "green_host.py", library, "before-import", "trouble")
    told = json.loads(finished(host))
    assert (told["flushed"], told["logs_on_main"]) == (True, [True])


@pytest.mark.parametrize("name", [*GREEN, *LOOPS])
def test_sigterm_stores_what_is_queued(start, home, name):
    probe = [HERE / "green_host.py", name, "before-import"]
    host = start("python", *(probe if name in GREEN else [HERE / "loop_host.py", name]), "wait")
    assert host.stdout.readline()
    host.send_signal(signal.SIGTERM)
    assert host.wait(SECONDS) == -signal.SIGTERM
    found = calls(home)
    if name in GREEN:
        assert found["inner"] == found["outer"] + 1 > 50
    else:
        assert found == {"double": 5, "sync_double": 5, "endless": 1}


@pytest.mark.parametrize("name", LOOPS)
def test_a_server_on_another_event_loop_is_recorded(start, home, name):
    finished(start("python", HERE / "loop_host.py", name, "end"))
    assert calls(home) == {"double": 5, "sync_double": 5, "endless": 1}


@pytest.mark.parametrize("more", [(), ("--preload",)], ids=["plain", "preload"])
def test_gunicorn_with_greenlets_answers_and_records_every_request(stack_of, start, home, more):
    place = str(home.parent / "socket")
    server = start(
        "opentelemetry-instrument",
        stack_of("loops").bin / "gunicorn",
        "-k",
        "gevent",
        *more,
        "-w",
        "2",
        "-b",
        f"unix:{place}",
        "gunicorn_app:app",
        PYTHONPATH=str(HERE),
    )
    for line in server.stderr:
        if "Booting worker" in line:
            break
    for _ in range(REQUESTS):
        assert get(place) == b"ok"
    server.send_signal(signal.SIGTERM)
    _, errors = server.communicate(timeout=SECONDS)
    assert server.returncode == 0, errors[-4000:]
    assert calls(home) == {"answer": REQUESTS}


def get(place: str) -> bytes:
    connection = http.client.HTTPConnection("host", timeout=SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(SECONDS)
    connection.sock.connect(place)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()
