"""`cortex-otel doctor` on servers from the registry, as users start them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cortex_otel._version import requirement

BIN = Path(sys.executable).parent
LAUNCHER = "opentelemetry-instrument"

pytestmark = pytest.mark.stacks


def diagnose(*command, cwd):
    done = subprocess.run(
        [BIN / "cortex-otel", "doctor", "--json", "--timeout", "120", "--", *map(str, command)],
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, {each["code"]: each["message"] for each in findings}


@pytest.fixture(autouse=True)
def registry(tmp_path):
    """The servers come from the registry."""
    uvx = [BIN / "uvx", "--from", "mcp-server-time", "python", "-c", ""]
    done = subprocess.run(uvx, capture_output=True, text=True, check=False, cwd=tmp_path)
    if done.returncode:
        message = f"uvx failed: {done.stderr[-400:]}"
        if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(f"{message}\n(CORTEX_REQUIRE_ALL=1 makes this a failure)")


@pytest.mark.timing
def test_uvx_without_us_and_what_to_type_instead(wheel, tmp_path):
    code, findings = diagnose("uvx", "mcp-server-time", cwd=tmp_path)
    assert code == 1
    ours = shlex.quote(requirement())
    advice = f"uvx --with {ours} --from mcp-server-time {LAUNCHER} mcp-server-time"
    assert findings["not_in_environment_uv"].endswith(advice)
    assert {"mcp", "server_answers", "server_not_recorded"} <= findings.keys()
    # What it advises works; with the wheel that the tests made, which is of this very moment.
    command = shlex.split(advice.replace(ours, str(wheel)))
    code, findings = diagnose(*command, cwd=tmp_path)
    assert code == 0, findings
    assert {"launcher_reaches", "server_recorded"} <= findings.keys()


def test_the_launcher_before_uvx_does_not_reach_the_server(tmp_path):
    code, findings = diagnose(LAUNCHER, "uvx", "mcp-server-time", cwd=tmp_path)
    assert code == 1
    assert {"launcher_elsewhere", "server_sitecustomize", "server_not_recorded"} <= findings.keys()


@pytest.mark.timing
def test_a_server_on_mcp_1(wheel, tmp_path):
    command = f"uvx --with {wheel} --from mcp-server-calculator {LAUNCHER} mcp-server-calculator"
    code, findings = diagnose(*command.split(), cwd=tmp_path)
    assert code == 0, findings
    assert findings["mcp"].startswith("mcp 1.")
    assert {"launcher_reaches", "server_recorded"} <= findings.keys()
