from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import pytest
from patience import PATIENCE, wait_for

from cortex_otel.operate.leases import Leases
from cortex_otel_exporters.sqlite.files import open_for_writing

if "store_kit" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "store_kit", Path(__file__).parents[1] / "exporters" / "store_kit.py"
    )
    sys.modules["store_kit"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["store_kit"])

COMMAND = Path(sys.executable).with_name("cortex-otel")
SITE = Path(__file__).with_name("jobs_site")
#: Short enough to be seen, long enough for a busy machine.
TIMES = {
    "SETTLE_SECONDS": "0.1",
    "FIRST_RUN_SECONDS": "0",
    "SPREAD_SECONDS": "0",
    "LOOK_SECONDS": "0.3",
}


@dataclass
class Machine:
    """A home, and what runs on it: real ``cortex-otel``, with the jobs of ``jobs_site``."""

    home: Path
    log: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def database(self) -> Path:
        return self.home / "cortex.db"

    def start(self, *arguments, jobs, **environment):
        process = subprocess.Popen(
            [COMMAND, *arguments, "--home", str(self.home)],
            env={
                **os.environ,
                **TIMES,
                "PYTHONPATH": str(SITE),
                "CORTEX_OTEL_HOME": str(self.home / "not-here"),
                "JOBS_TEST_LOG": str(self.log),
                "JOBS_TEST_JOBS": jobs,
                "LC_ALL": "C.UTF-8",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def serve(self, *, jobs, **environment):
        return self.start(
            "serve", "--only", "receiver", "--receiver-port", "0", jobs=jobs, **environment
        )

    def run(self, *arguments, jobs, **environment):
        process = self.start(*arguments, jobs=jobs, **environment)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def create(self):
        open_for_writing(self.database).close()

    def row(self, job):
        return Leases(self.database).read().get(job) if self.database.exists() else None

    def ended(self, job, outcome):
        """The row of ``job``, once a run has ended so."""

        def is_so():
            row = self.row(job)
            return row if row and row.last_end and row.outcome == outcome else None

        return wait_for(is_so)

    def logged(self):
        """Lines of the log: what the jobs did, and the process that did it."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        parts = (line.rpartition(" ") for line in text.splitlines())
        return [(what, int(pid)) for what, _, pid in parts]

    def execute(self, sql, *values):
        connection = apsw.Connection(str(self.database))
        try:
            connection.set_busy_timeout(int(PATIENCE * 1000))
            connection.execute(sql, values)
        finally:
            connection.close()


def is_gone(pid):
    """Whether a process has ended; one that nobody has waited for has, too."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


@pytest.fixture
def gone():
    return lambda pid: wait_for(lambda: is_gone(pid))


@pytest.fixture
def machine(tmp_path):
    home = tmp_path / "the home"
    machine = Machine(home, tmp_path / "log")
    machine.create()
    yield machine
    for process in machine.started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.communicate(timeout=PATIENCE)
    for what, pid in machine.logged():
        assert wait_for(lambda pid=pid: is_gone(pid)), what
