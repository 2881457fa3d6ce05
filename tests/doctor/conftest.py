from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
QUIET_SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    result = {"serverInfo": {"name": "bare", "version": "1"}, "tools": []}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


class Report:
    def __init__(self, done):
        self.code, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr
        self.findings = json.loads(done.stdout)["findings"]
        self.levels = {each["code"]: each["level"] for each in self.findings}
        self.messages = {each["code"]: each["message"] for each in self.findings}


@pytest.fixture
def doctor(tmp_path):
    """Run `cortex-otel doctor --json`; the report."""

    def run(*command, options=(), cwd=tmp_path, **environ):
        done = subprocess.run(
            [BIN / "cortex-otel", "doctor", "--json", *options, "--", *map(str, command)],
            env={**os.environ, "LC_ALL": "C.UTF-8", **environ},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode in (0, 1), done.stderr
        return Report(done)

    return run


@pytest.fixture
def server(tmp_path):
    """Write a server that speaks just enough JSON-RPC; its path."""

    def write(before="", after=""):
        path = tmp_path / "server.py"
        path.write_text(f"{before}\n{QUIET_SERVER}\n{after}\n")
        return path

    return write


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """A Python of its own, with nothing in it."""
    directory = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(directory, symlinks=True)
    return directory / "bin" / "python"
