from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE, UNHURRIED

HERE = Path(__file__).parent
for name, path in {
    "canaries": HERE / "canaries.py",
    "wire": HERE.parent / "sdk" / "extra_exporters" / "wire.py",
    "real_collector": HERE / "real_collector.py",
}.items():
    _spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[name])
canaries = sys.modules["canaries"]


class Host:
    """A machine of one user, on which programs run and leave what they leave."""

    def __init__(self, directory: Path, user: str) -> None:
        self.here = HERE
        self.home = directory / "home" / user
        self.home.mkdir(parents=True)
        self.code = directory / "code" / user
        self.code.mkdir(parents=True)
        self.manifest = directory / "planted.json"
        self.environment = {
            **os.environ, **UNHURRIED, "HOME": str(self.home), "USERPROFILE": str(self.home),
            "USER": user, "LOGNAME": user, "HOSTNAME": user, "CANARIES": str(HERE),
            "PLANTED": str(self.manifest), "PYTHONDONTWRITEBYTECODE": "1",
            "CORTEX_OTEL_LOG_FILE": "true", "CORTEX_OTEL_LOG_FILE_ROTATE_MB": "1",
            "CORTEX_OTEL_LOG_FILE_LEVEL": "debug",
        }  # fmt: skip
        # The default place, below a directory that is named after the user.
        self.environment.pop("CORTEX_OTEL_HOME", None)

    def run(self, program: str, *arguments: str, stdin: str = "", **environment: str):
        """Run ``program`` of ``tests/privacy`` and hunt in what it leaves."""
        path = self.code / program
        path.write_text((HERE / program).read_text(encoding="utf-8"), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(path), *arguments],
            env=self.environment | environment,
            cwd=self.code,
            input=stdin.encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
        self.output = done
        return self.hunt({"stdout": done.stdout, "stderr": done.stderr})

    def hunt(self, outputs: dict[str, bytes]):
        return canaries.Hunt(self.home, outputs)

    def planted(self):
        return [tuple(pair) for pair in json.loads(self.manifest.read_text())]

    @property
    def logs(self) -> Path:
        return self.database.parent / "logs"

    @property
    def database(self) -> Path:
        return self.home / ".cortex" / "telemetry" / "cortex.db"


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path, canaries.canary("user", "plain"))
