"""Logfire, Sentry and ddtrace set OpenTelemetry up themselves: before us, after us, zero-code."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stacks, pytest.mark.timeout(600), pytest.mark.matrix]

PROBE = Path(__file__).with_name("peer_probe.py")
SECONDS = 120
DATADOG = {
    "DD_TRACE_OTEL_ENABLED": "true",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
}


@pytest.fixture(params=["logfire", "sentry", "ddtrace"])
def run(request, stack_of, tmp_path):
    stack = stack_of("peers")

    def run(first, how):
        launcher = [stack.bin / "opentelemetry-instrument"] if how == "zero-code" else []
        home = tmp_path / "home"
        done = subprocess.run(
            [*launcher, stack.python, PROBE, request.param, first, how],
            cwd=tmp_path,
            env=stack.environment(home, **DATADOG),
            timeout=SECONDS,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        assert b"planted-secret" not in (home / "cortex.db").read_bytes()
        return json.loads(done.stdout), request.param

    return run


@pytest.mark.parametrize(
    ("first", "how"), [("ours", "zero-code"), ("ours", "code"), ("theirs", "code")]
)
def test_both_get_every_span_once(run, first, how):
    found, peer = run(first, how)
    names = [
        "of a proxy",
        "outer",
        "inner",
        "failed",
        "tools/call tool",
        "tools/call failing",
    ]
    assert sorted(found["theirs"]) == sorted(names)
    assert [row[0] for row in found["rows"]] == names
    spans = {name: (span_id, parent) for name, _, _, span_id, parent, _ in found["rows"]}
    assert spans["inner"][1] == spans["outer"][0]
    results = {name: result for name, _, result, *_ in found["rows"]}
    assert [name for name, result in results.items() if result == "error"] == [
        "failed",
        "tools/call failing",
    ]
    (told,) = [json.loads(row[5]) for row in found["rows"] if row[0] == "tools/call tool"]
    assert told["db.system.name"] == "sqlite"
    assert found["points"] == {"counter": 2, "mcp.server.operation.duration": 2}
    assert ["mirrored" if peer == "ddtrace" else "joined", "traces"] in found["noted"]
