"""`cortex-otel doctor` without a command, on broken installations and homes."""

from __future__ import annotations

import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

import cortex_otel
from cortex_otel.cli import main
from cortex_otel.doctor.round_trip import SIGNALS, broken_hop
from cortex_otel.sdk import configure

pytestmark = pytest.mark.system

BIN = Path(sys.executable).parent
EMPTY = hashlib.sha256(b"").hexdigest()  # a -wal file that a reader made and left empty
SENT = {"active": True, "trouble": "", "faults": {}}


@pytest.fixture
def store(tmp_path):
    """A home with one recorded call."""
    home = tmp_path / "home"
    cortex_otel.configure(home=home)

    @cortex_otel.instrument_tool
    def tool():
        return 1

    tool()
    assert cortex_otel.force_flush(120_000)
    configure.reset_for_tests()
    return home


def contents(home):
    return {
        path.relative_to(home): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def test_all_is_well_and_nothing_is_changed(doctor, store):
    before = contents(store)
    report = doctor(options=["--home", store])
    assert set(report.levels.values()) == {"ok"}, report.messages
    assert report.code == 0
    assert {"transaction", "database_whole", "trip", "versions"} <= report.levels.keys()
    assert sum(each["code"] == "trip" for each in report.findings) == len(SIGNALS)
    assert {name: what for name, what in contents(store).items() if what != EMPTY} == before


def test_a_missing_home_is_not_created(doctor, tmp_path):
    home = tmp_path / "none" / "yet"
    report = doctor(options=["--home", home])
    assert report.levels["home_none_yet"] == report.levels["no_database"] == "ok"
    assert not home.parent.exists()


def test_a_home_that_cannot_be_written(doctor):
    report = doctor(options=["--home", "/proc/self/telemetry"])
    assert report.levels["home_unwritable"] == "problem"
    assert report.code == 1


def test_a_corrupt_database_is_reported_and_left_alone(doctor, store):
    database = store / "cortex.db"
    whole = database.read_bytes()
    database.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    before = contents(store)
    report = doctor(options=["--home", store])
    assert report.levels["database"] == "problem"
    assert "move it away" in report.messages["database"]
    assert {path: what for path, what in contents(store).items() if path in before} == before


def test_a_locked_database(doctor, store):
    holder = apsw.Connection(str(store / "cortex.db"))
    holder.execute("BEGIN IMMEDIATE")
    report = doctor(options=["--home", store])
    holder.execute("ROLLBACK")
    holder.close()
    assert report.levels["transaction_failed"] == "problem"
    assert "locked" in report.messages["transaction_failed"]


def test_a_home_that_is_open_to_others(doctor, store):
    store.chmod(0o755)
    report = doctor(options=["--home", store])
    assert report.levels["open_to_others"] == "warning"
    assert f"chmod go= {store}" in report.messages["open_to_others"]
    assert report.code == 0


def test_a_writer_in_trouble_is_reported(doctor, store):
    (store / "writers").mkdir(exist_ok=True)
    heartbeat = store / "writers" / f"{os.getpid()}-1.json"
    heartbeat.write_text(f'{{"pid": {os.getpid()}, "trouble": "disk_full", "dropped": {{"x": 2}}}}')
    report = doctor(options=["--home", store])
    assert report.levels["writer_trouble"] == "problem"
    assert "x 2" in report.messages["writer_dropped"]


@pytest.mark.parametrize(
    ("environ", "code", "level"),
    [
        ({"CORTEX_OTEL_QUEUE_SIZE": "many"}, "setting", "problem"),
        ({"CORTEX_OTEL_ENABLED": "false"}, "off", "problem"),
        ({"OTEL_SDK_DISABLED": "true"}, "off", "problem"),
        ({"OTEL_CONFIG_FILE": "otel.yaml"}, "config_file", "warning"),
        ({"CORTEX_OTEL_CAPTURE_CONTENT": "true"}, "content", "warning"),
        ({"CORTEX_OTEL_OTHER_EXPORTERS_GET_RAW_PERSONAL_DATA": "true"}, "raw", "warning"),
        ({"OTEL_PYTHON_DISTRO": "distro"}, "other_distro_chosen", "problem"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console", "warning"),
        ({"OTEL_LOGS_EXPORTER": "otlp"}, "not_followed", "warning"),
        ({"OTEL_METRICS_EXPORTER": "none,cortex_sqlite"}, "exporters", "ok"),
    ],
)
def test_what_the_environment_asks(doctor, environ, code, level):
    report = doctor(**environ)
    assert report.levels[code] == level
    assert report.levels["trip"] == "ok"  # the round trip has an environment of its own


def test_otlp_to_a_closed_port_and_to_an_open_one(doctor):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        environ = {
            "CORTEX_OTEL_ALLOW_OTHER_EXPORTERS": "true",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:canary@127.0.0.1:{port}/canary",
            "OTEL_EXPORTER_OTLP_HEADERS": "api-key=canary",
        }
        assert (report := doctor(**environ)).levels["otlp"] == "ok"
        assert "canary" not in report.stdout
    report = doctor(**environ)
    assert report.levels["otlp_closed"] == "problem"
    assert f"127.0.0.1:{port}" in report.messages["otlp_closed"]


@pytest.fixture
def collector():
    """A server in place of a Collector with a configured response; ``taken`` is what it got."""
    made = []

    def make(status):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                made[-1].taken.append((self.path, self.headers, self.rfile.read(length)))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        made.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        made[-1].taken = []
        threading.Thread(target=made[-1].serve_forever, daemon=True).start()
        return made[-1]

    yield make
    for one in made:
        one.shutdown()
        one.server_close()


@pytest.mark.parametrize(
    "answer",
    [
        (200, "endpoint", ""), (401, "endpoint_forbidden", "401"),
        (403, "endpoint_forbidden", "403"), (404, "endpoint_not_found", "404"),
        (503, "endpoint_refuses", "HTTP 503"), (302, "endpoint_refuses", "HTTP 302"),
    ],
)  # fmt: skip
def test_the_collector_is_probed_with_an_empty_request(doctor, collector, tmp_path, answer):
    status, code, detail = answer
    server = collector(status)
    headers = tmp_path / "headers"
    headers.write_text("authorization: Bearer canary\n")
    headers.chmod(0o600)
    report = doctor(
        CORTEX_OTEL_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}/canary",
        CORTEX_OTEL_OTLP_HEADERS_FILE=str(headers),
    )
    assert report.levels[code] == ("ok" if status == 200 else "problem")
    assert f"127.0.0.1:{server.server_port}" in report.messages[code]
    assert detail in report.messages[code]
    assert "canary" not in report.stdout
    # The round trip's records are made up: none of them goes there.
    ((path, sent, body),) = server.taken
    assert (path, body) == ("/canary/v1/traces", b"")
    assert sent["Content-Type"] == "application/x-protobuf"
    assert sent["authorization"] == "Bearer canary"


def test_a_collector_without_tls_or_unreachable_is_reported(doctor, collector):
    server = collector(200)
    report = doctor(CORTEX_OTEL_OTLP_ENDPOINT=f"https://127.0.0.1:{server.server_port}/canary")
    assert report.levels["endpoint_tls"] == "problem"
    assert "canary" not in report.stdout
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    report = doctor(CORTEX_OTEL_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
    assert report.levels["endpoint_closed"] == "problem"
    assert f"127.0.0.1:{port}" in report.messages["endpoint_closed"]


def test_another_distro_is_installed(doctor, tmp_path):
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[opentelemetry_distro]\nother = other:Distro\n")
    report = doctor(PYTHONPATH=str(tmp_path))
    assert report.levels["two_distros"] == "warning"
    assert "(other)" in report.messages["two_distros"]


@pytest.mark.parametrize(
    ("change", "hop"),
    [
        ("DROP VIEW telemetry_events", "view"),
        ("DELETE FROM events", "database"),
        ("DELETE FROM ledger; DELETE FROM events", "process"),
        ("DELETE FROM events; DELETE FROM ledger WHERE outcome = 'stored'", "writer"),
        (
            "DELETE FROM events; INSERT INTO ledger VALUES (1, 'event', 'dropped', 'full', 1)",
            "queue",
        ),
    ],
)
def test_the_broken_hop_is_named(tmp_path, change, hop):
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-m", "cortex_otel.doctor.round_trip"],
        env={**os.environ, "CORTEX_OTEL_HOME": str(home)},
        check=True,
        capture_output=True,
    )
    database = home / "cortex.db"
    assert [broken_hop(signal, database, SENT)[0] for signal in SIGNALS] == ["", "", ""]
    connection = apsw.Connection(str(database))
    connection.execute(change)
    connection.close()
    assert broken_hop("span", database, SENT)[0] == hop


def test_the_first_and_the_last_hop(tmp_path):
    database = tmp_path / "cortex.db"
    assert broken_hop("span", database, {**SENT, "active": False})[0] == "instrument"
    troubled = {**SENT, "trouble": "disk_full"}
    assert broken_hop("metric", database, troubled) == ("writer", "disk_full")


def test_for_people(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CORTEX_OTEL_LANG", "ko")
    assert main(["doctor", "--home", str(tmp_path / "home")]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("정상  cortex-otel ")
    assert output.out.splitlines()[-1] == "문제 0개, 주의 0개."
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--timeout", "0"], ["uvx", "--from", "x"], ["--home", ""], ["--no-such"]]
)
def test_bad_usage(arguments):
    done = subprocess.run(
        [BIN / "cortex-otel", "doctor", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
