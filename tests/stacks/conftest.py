"""Environments of other MCP stacks, made on the spot under `.stacks` and reused.

They come from the package registry. Without it the tests are skipped; with `CORTEX_REQUIRE_ALL=1`
they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("probe.py")
WIRE_PROBE = Path(__file__).with_name("wire_probe.py")
EVERY_PROBE = Path(__file__).with_name("every_probe.py")
SECONDS = 120
STACKS = {
    "mcp1": ["mcp==1.30.0"],
    "mcp2": ["mcp==2.3.0"],
    "fastmcp2": ["fastmcp==2.14.7"],
    "fastmcp3": ["fastmcp==3.4.10"],
    "fastmcp4": ["fastmcp==4.1.2"],
    "mcp2-otlp": [
        "mcp==2.3.0", "opentelemetry-distro", "opentelemetry-exporter-otlp-proto-http",
    ],
    "mcp1-traceloop": ["mcp==1.30.0", "opentelemetry-instrumentation-mcp"],
    "mcp1-openinference": ["mcp==1.30.0", "openinference-instrumentation-mcp"],
    "loops": [
        "mcp==2.3.0", "gevent==26.9.0", "eventlet==0.41.3", "gunicorn==27.0.1", "uvloop==0.23.0",
        "trio==0.35.0",
    ],
    "peers": ["logfire==5.4.0", "sentry-sdk==2.75.0", "ddtrace==4.16.0"],
    "mcp-server-time": ["mcp-server-time"],
    "mcp-server-git": ["mcp-server-git"],
    "mcp-server-calculator": ["mcp-server-calculator"],
    "mcp-simple-timeserver": ["mcp-simple-timeserver"],  # fastmcp 3
    "mcp-server-motherduck": ["mcp-server-motherduck"],  # fastmcp 4
}  # fmt: skip


FAMILIES = ("mcp1", "mcp2", "fastmcp2", "fastmcp3", "fastmcp4")


def _uv(*arguments) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        missing("uv is not installed: pip install uv")
    done = subprocess.run(
        [uv, *map(str, arguments)],
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, "UV_NO_PROGRESS": "1"},
    )
    if done.returncode:
        missing(f"uv {' '.join(map(str, arguments))} failed: {done.stderr[-800:]}")


def missing(what: str) -> None:
    if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
        pytest.fail(what)
    pytest.skip(f"{what}\n(needs the package registry; CORTEX_REQUIRE_ALL=1 makes this a failure)")


def _stamped(stamp: Path, text: str) -> bool:
    return stamp.exists() and stamp.read_text() == text


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """This project as its users get it."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def build_wheel(directory: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    (built,) = directory.glob("*.whl")
    return built


class Stack:
    """An environment of one MCP stack with this project's wheel."""

    def __init__(self, name: str, wheel: Path) -> None:
        self.name = name
        self.bin = ROOT / ".stacks" / name / "bin"
        self.python = self.bin / "python"
        self._wheel = wheel

    def make(self) -> None:
        """Make the environment, or what of it has changed; one process at a time."""
        home = self.bin.parent
        home.parent.mkdir(exist_ok=True)
        with home.with_name(f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._make(home)

    def _make(self, home: Path) -> None:
        requirements = STACKS[self.name]
        wanted = "\n".join([sys.version, *requirements])
        if not _stamped(home / "requirements.stamp", wanted):
            shutil.rmtree(home, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, home)
            # A first call mustn't write files. Elsewhere what is imported is compiled as it is: all
            # of an environment takes seconds.
            compile_all = ["--compile-bytecode"] if self.name in FAMILIES else []
            _uv(
                "pip",
                "install",
                "--quiet",
                *compile_all,
                "--python",
                self.python,
                *requirements,
                self._wheel,
            )
            (home / "requirements.stamp").write_text(wanted)
        content = hashlib.sha256(self._wheel.read_bytes()).hexdigest()
        if not _stamped(home / "wheel.stamp", content):
            _uv(
                "pip",
                "install",
                "--quiet",
                "--python",
                self.python,
                "--reinstall-package",
                "cortex-otel",
                self._wheel,
            )
            (home / "wheel.stamp").write_text(content)

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """A clean environment; telemetry's directory is `home`."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("OTEL_", "CORTEX_", "PYTHON", "FASTMCP_", "COV_"))
            and key != "VIRTUAL_ENV"
        }
        return {
            **kept,
            "CORTEX_OTEL_HOME": str(home),
            "CORTEX_OTEL_EXIT_TIMEOUT_MS": "20000",
            "PROBE_STDERR": str(home.with_suffix(".stderr")),
            "NO_COLOR": "1",
            "COLUMNS": "400",  # rich breaks lines elsewhere
            **more,
        }

    def run(self, home: Path, *arguments: str, probe: Path = PROBE, **environment: str):
        """Run the probe; what it printed, and its stderr."""
        done = subprocess.run(
            [self.python, probe, *arguments],
            env=self.environment(home, **environment),
            capture_output=True,
            check=False,
            text=True,
            timeout=SECONDS,
            cwd=home.parent,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout), done.stderr

    def serve(self, home: Path, calls, *options: str, zero_code: bool = False, **environment: str):
        """Speak JSON-RPC with the probe as a server, by hand; every line of its stdout, stderr."""
        # Elsewhere than in the repository: the launcher puts its directory before the wheel.
        command = [str(self.python), str(PROBE), "serve", *options]
        if zero_code:
            command.insert(0, self.bin / "opentelemetry-instrument")
        with subprocess.Popen(
            command,
            env=self.environment(home, **environment),
            cwd=home.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as server:
            stderr = []
            reader = threading.Thread(target=lambda: stderr.append(server.stderr.read()))
            reader.start()
            timer = threading.Timer(SECONDS, server.kill)
            timer.start()
            lines = list(_converse(server, calls))
            server.stdin.close()
            lines += server.stdout.readlines()
            server.wait()
            timer.cancel()
            reader.join()
        assert server.returncode == 0, stderr[0][-4000:]
        return lines, stderr[0]


def _converse(server, calls):
    def send(method, number=None, **params):
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        if number is not None:
            message["id"] = number
        server.stdin.write(json.dumps(message) + "\n")
        server.stdin.flush()

    def answer(number):
        for line in server.stdout:
            yield line
            if json.loads(line).get("id") == number:
                return

    client = {"name": "test", "version": "1"}
    send("initialize", 0, protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
    yield from answer(0)
    send("notifications/initialized")
    for number, (name, arguments, *meta) in enumerate(calls, start=1):
        more = {"_meta": meta[0]} if meta else {}
        send("tools/call", number, name=name, arguments=arguments, **more)
        yield from answer(number)


@pytest.fixture(scope="session")
def stack_of(wheel):
    made = {}

    def get(name: str) -> Stack:
        if name not in made:
            made[name] = Stack(name, wheel)
            made[name].make()
        return made[name]

    return get


@pytest.fixture(scope="session")
def ahead(stack_of, tmp_path_factory):
    """Start a run of the probe in every stack at once; the answer of one: `ahead(name, mode)`.

    Their start-up is seconds of imports each: in parallel they take as long as the slowest.
    """
    homes = tmp_path_factory.mktemp("homes")
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        futures = {}

        def run(name, mode):
            stack, home = stack_of(name), homes / f"{name}-{mode}"
            if mode.startswith("wire-"):
                return stack.run(home, mode.removeprefix("wire-"), probe=WIRE_PROBE)
            if mode.startswith("every-"):
                return stack.run(home, mode.removeprefix("every-"), probe=EVERY_PROBE)
            if mode == "stdio":
                return stack.run(
                    home, "stdio", str(stack.python), str(PROBE), "serve", "--decorated"
                )
            return stack.run(home, mode)

        def get(name, mode):
            for other in [name, *FAMILIES]:
                if (other, mode) not in futures and (other == name or _is_made(other)):
                    stack_of(other)
                    futures[other, mode] = pool.submit(run, other, mode)
            return futures[name, mode].result()

        yield get


def _is_made(name: str) -> bool:
    return (ROOT / ".stacks" / name / "requirements.stamp").exists()


@pytest.fixture
def listener():
    """Counts connections to `port` of this machine."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    stop = threading.Event()

    class Listener:
        port = server.getsockname()[1]
        connections = 0

    def accept():
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            Listener.connections += 1
            connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    yield Listener
    stop.set()
    thread.join()
    server.close()


def pytest_generate_tests(metafunc):
    if "stack_name" in metafunc.fixturenames:
        metafunc.parametrize("stack_name", FAMILIES)
