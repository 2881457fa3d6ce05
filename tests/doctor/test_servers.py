"""Real servers and environments, including broken ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import PATIENCE, wait_for

from cortex_otel._version import requirement

pytestmark = pytest.mark.system

BIN = Path(sys.executable).parent
LAUNCHER = BIN / "opentelemetry-instrument"


@pytest.mark.timing
def test_a_server_that_is_recorded(doctor, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "repository"], check=True)
    report = doctor(LAUNCHER, BIN / "mcp-server-git", "--repository", tmp_path / "repository")
    assert set(report.levels.values()) == {"ok"}, report.messages
    assert report.code == 0
    assert {"launcher_reaches", "server_recorded", "server_exits"} <= report.levels.keys()
    assert not Path(os.environ["CORTEX_OTEL_HOME"]).exists()


MCP_SERVER = """
from mcp.server.mcpserver import MCPServer
MCPServer("own").run("stdio")
"""
SETS = {
    "own": "",
    "joined": "trace.set_tracer_provider(TracerProvider())",
    "apart": "trace.set_tracer_provider(trace.NoOpTracerProvider())",
}


@pytest.mark.parametrize(("how", "level"), [("own", "ok"), ("joined", "ok"), ("apart", "warning")])
def test_whose_providers_the_server_uses(doctor, tmp_path, how, level):
    path = tmp_path / "server.py"
    imports = (
        "from opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\n"
    )
    path.write_text(imports + SETS[how] + MCP_SERVER)
    report = doctor(LAUNCHER, sys.executable, path)
    assert report.levels["server_recorded"] == "ok"
    assert report.levels[f"provider_{how}"] == level
    assert how == "own" or "traces" in report.messages[f"provider_{how}"]
    assert {f"provider_{other}" for other in SETS if other != how}.isdisjoint(report.levels)


def test_no_launcher(doctor, server):
    report = doctor(sys.executable, server())
    assert report.levels["no_launcher"] == "warning"
    assert f"{LAUNCHER} {sys.executable}" in report.messages["no_launcher"]
    assert report.levels["server_maybe_recorded"] == "warning"
    assert report.code == 0


def test_recording_is_on_but_the_server_uses_no_mcp_stack(doctor, server):
    report = doctor(LAUNCHER, sys.executable, server())
    assert report.levels["server_recorded_nothing"] == "warning"


def test_the_wire_hook_is_switched_off(doctor, server):
    off = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "cortex_mcp"}
    assert doctor(LAUNCHER, sys.executable, server(), **off).levels["hook_disabled"] == "warning"


def test_another_environment(doctor, server, bare_python):
    report = doctor(bare_python, server())
    assert report.code == 1
    assert report.levels["not_in_environment"] == "problem"
    install = f"uv pip install --python {bare_python} {requirement()}"  # it has no pip of its own
    assert install in report.messages["not_in_environment"]
    reached = doctor(LAUNCHER, bare_python, server())
    assert reached.levels["launcher_elsewhere"] == "problem"
    assert reached.levels["server_sitecustomize"] == "problem"


def test_an_isolated_python(doctor, server):
    report = doctor(LAUNCHER, sys.executable, "-I", server())
    assert report.levels["isolated"] == "problem"
    assert f"run: {BIN}/opentelemetry-instrument {sys.executable} " in report.messages["isolated"]


def test_another_distro_was_chosen(doctor, server):
    report = doctor(LAUNCHER, sys.executable, server(), OTEL_PYTHON_DISTRO="other")
    assert report.levels["other_distro_chosen"] == "problem"


def test_a_server_that_prints_to_stdout(doctor, server):
    report = doctor(sys.executable, server(before="print('hello from', 'the server')"))
    assert report.levels["server_stdout"] == "problem"
    assert "hello from the server" in report.messages["server_stdout"]
    assert "server_answers" in report.levels


def test_a_server_that_never_answers_is_ended(doctor, tmp_path):
    path = tmp_path / "silent.py"
    path.write_text(
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(100)"
    )
    report = doctor(sys.executable, path, options=["--timeout", "5"])  # until its id is written
    assert report.levels["server_silent"] == "problem"
    assert_gone(int((tmp_path / "pid").read_text()))


def assert_gone(pid):
    def is_gone():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(is_gone)


def test_a_server_that_dies_at_start_and_prints_its_secrets(doctor, tmp_path):
    path = tmp_path / "dying.py"
    path.write_text("import os, sys\nsys.exit(f'bad {sys.argv[2]} {os.environ[\"MY_TOKEN\"]}')")
    report = doctor(sys.executable, path, "--api-key", "canary-one", MY_TOKEN="canary-two")
    assert report.levels["server_died"] == "problem"
    assert "bad [SECRET] [SECRET]" in report.messages["server_died"]
    assert "canary" not in report.stdout + report.stderr


def test_a_server_that_is_slow_to_exit(doctor, server):
    report = doctor(sys.executable, server(after="import time; time.sleep(2.5)"))
    assert report.levels["server_slow_exit"] == "problem"


def test_tools_that_are_not_recorded(doctor, server):
    tools = """
if False:
    @cortex_otel.instrument_tool
    @mcp.tool()
    async def above(): ...
    @mcp.tool
    async def stream():
        yield 1
    @mcp.tool()
    @instrument_tool(name="x")
    async def fine():
        def inner():
            yield 1
"""
    report = doctor(sys.executable, server(before=tools))
    assert [each["code"] for each in report.findings if each["message"].startswith("tool ")] == [
        "order",
        "async_generator",
    ]
    assert "above (server.py:" in report.messages["order"]
    assert report.messages["tools_read"] == "3 tools found in server.py"


def test_ctrl_c_ends_the_server_too(tmp_path):
    path = tmp_path / "silent.py"
    path.write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(100)"
    )
    command = [BIN / "cortex-otel", "doctor", "--", sys.executable, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        pid = tmp_path / "pid"
        wait_for(lambda: pid.exists() and pid.read_text())
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert b"Traceback" not in stderr
    assert_gone(int(pid.read_text()))


def test_the_users_home_is_not_written_to_whatever_the_command_says(doctor, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "repository"], check=True)
    real = tmp_path / "real"
    command = [LAUNCHER, BIN / "mcp-server-git", "--repository", tmp_path / "repository"]
    for prefix in (["env", f"CORTEX_OTEL_HOME={real}"], ["env", "-i", f"HOME={real}"]):
        report = doctor(*prefix, *command)
        assert report.levels["server_recorded"] == "ok", report.messages
        assert not real.exists()


def test_a_low_sampling_rate_does_not_look_like_no_recording(doctor, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "repository"], check=True)
    report = doctor(
        LAUNCHER,
        BIN / "mcp-server-git",
        "--repository",
        tmp_path / "repository",
        CORTEX_OTEL_SAMPLING="*=0.000001",
    )
    assert report.levels["server_recorded"] == "ok"


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"CORTEX_OTEL_ENABLED": "false"}])
def test_recording_is_switched_off(doctor, server, off):
    report = doctor(LAUNCHER, sys.executable, server(), **off)
    assert report.levels["launcher_without_us"] == "problem"
    assert report.levels["server_not_recorded"] == "problem"


@pytest.mark.timing
def test_a_server_that_never_stops_writing(doctor, tmp_path):
    path = tmp_path / "flood.py"
    path.write_text("while True: print('noise')")
    began = time.monotonic()
    report = doctor(sys.executable, path, options=["--timeout", "2"])
    assert report.levels["server_silent"] == report.levels["server_stdout"] == "problem"
    assert time.monotonic() - began < 20


def test_a_python_that_hangs_leaves_nothing_behind(doctor, tmp_path):
    uvx = tmp_path / "bin" / "uvx"
    uvx.parent.mkdir()
    uvx.write_text(f"#!/bin/sh\nsleep 100 &\necho $! > {tmp_path}/pid\nwait\n")
    uvx.chmod(0o755)
    path = f"{uvx.parent}{os.pathsep}{os.environ['PATH']}"
    report = doctor("uvx", "tool", options=["--timeout", "3"], PATH=path)
    assert report.levels["python_fails"] == "problem"
    assert_gone(int((tmp_path / "pid").read_text()))
