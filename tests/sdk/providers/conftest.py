"""Hosts with their own OpenTelemetry, one process each: providers are set once per process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE

import cortex_otel

HERE = Path(__file__).parent
LAUNCHER = Path(sys.executable).with_name("opentelemetry-instrument")
SOURCE = Path(cortex_otel.__file__).parents[1]


@pytest.fixture
def host(tmp_path):
    """Run a script that ends with `report(…)`; what it reported, and its stderr."""

    def run(script: str, *arguments: str, zero_code: bool = False, **environment: str):
        path = tmp_path / "server.py"
        path.write_text((HERE / "host.py").read_text("utf-8") + script, "utf-8")
        command = [sys.executable, path, *arguments]
        done = subprocess.run(
            [LAUNCHER, *command] if zero_code else command,
            cwd=tmp_path,
            timeout=PATIENCE,
            check=False,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "CORTEX_OTEL_HOME": str(tmp_path / "home"),
                "PYTHONPATH": os.pathsep.join(map(str, (SOURCE, SOURCE / "exporters"))),
                **environment,
            },
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr

    return run
