"""Prometheus and its promtool, built on the spot under `.stacks` and reused, as the Collector is.

Without service discovery (`remove_all_sd`): of what is built, that is most.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from patience import PATIENCE

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
BUILT = ROOT / ".stacks" / "prometheus"
PROGRAMS = ("promtool", "prometheus")

if "real_collector" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "real_collector", ROOT / "tests" / "privacy" / "real_collector.py"
    )
    sys.modules["real_collector"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["real_collector"])
collector = sys.modules["real_collector"]


def build(name: str) -> Path:
    """One of the programs; one process builds it, others wait."""
    BUILT.mkdir(parents=True, exist_ok=True)
    sources = [HERE / file for file in ("go.mod", "go.sum")]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp, program = BUILT / f"{name}.stamp", BUILT / name
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (program.exists() and stamp.exists() and stamp.read_text() == wanted):
            package = f"github.com/prometheus/prometheus/cmd/{name}"
            collector.made(
                name, collector.go(), "build", "-tags", "remove_all_sd", "-trimpath",
                "-ldflags=-s -w", "-o", program, package, cwd=HERE,
            )  # fmt: skip
            stamp.write_text(wanted)
    return program


def promtool(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """What it says of something."""
    return subprocess.run(
        [str(build("promtool")), *map(str, arguments)],
        input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


class Prometheus:
    """A running one, over a directory that is its own."""

    def __init__(self, directory: Path, config: str) -> None:
        self.port = collector._free_port()
        self.output = directory / "prometheus.txt"
        (directory / "prometheus.yml").write_text(config, encoding="utf-8")
        command = [
            build("prometheus"),
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
