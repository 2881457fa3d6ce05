from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

for _name, _path in {
    "store_kit": Path(__file__).parents[2] / "exporters" / "store_kit.py",
    "s3_server": Path(__file__).with_name("s3_server.py"),
}.items():
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, _path)
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])
store_kit, s3_server = sys.modules["store_kit"], sys.modules["s3_server"]

from cortex_otel.operate.backup.keys import new_key  # noqa: E402
from cortex_otel.operate.backup.making import make_copy  # noqa: E402
from cortex_otel.operate.backup.restoring import restore  # noqa: E402
from cortex_otel.settings import read_environment  # noqa: E402


@pytest.fixture(autouse=True)
def no_process_outlives_its_test():
    yield
    store_kit.end_all()


class Site:
    """A home with something in it, a directory for its copies, and a key pair."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.database = self.home / "cortex.db"
        self.target = directory / "target"
        self.target.mkdir()
        self.key = directory / "backup.key"
        self.public = new_key(self.key)
        self.is_encrypted = True
        self.overrides = {}

    def settings(self, **changes):
        overrides = {"home": str(self.home), "backup_target": str(self.target)}
        if self.is_encrypted:
            overrides["backup_recipients"] = self.public
        return read_environment({}, overrides=overrides | self.overrides | changes)

    def environment(self, **more):
        """The same for another process."""
        environment = {
            **os.environ, "CORTEX_OTEL_HOME": str(self.home),
            "CORTEX_OTEL_BACKUP_TARGET": str(self.target),
            "CORTEX_OTEL_BACKUP_RECIPIENTS": self.public if self.is_encrypted else "",
        }  # fmt: skip
        return environment | more

    def fill(self, number=200, start=0):
        writer = store_kit.PatientWriter(self.database)
        for each in range(start, start + number):
            writer.submit(store_kit.record(each))
        assert writer.shutdown()

    def add_log(self, name="cortex-2026-01-05.001.jsonl", content=b'{"level":"INFO"}\n'):
        path = self.home / "logs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def add_ballast(self, octets=20 << 20):
        """A log file that can't be compressed, so that an upload takes its time."""
        return self.add_log("cortex-2026-01-03.001.jsonl", random.Random(0).randbytes(octets))

    def make(self, **changes):
        return make_copy(self.settings(**changes))

    def restore(self, wanted="latest", *, to=None, identity=True, **changes):
        return restore(
            self.settings(**changes),
            wanted,
            destination=to,
            identity=self.key if identity else None,
        )

    def files(self, suffix=""):
        return sorted(path.name for path in self.target.iterdir() if path.name.endswith(suffix))

    def archive(self):
        """The only archive at the target."""
        (path,) = [path for path in self.target.iterdir() if ".tar." in path.name]
        return path

    def manifest(self):
        (path,) = self.target.glob("*.json")
        return path

    def run(self, *arguments, **environment):
        """The command line in a pipe."""
        return subprocess.run(
            [sys.executable, "-m", "cortex_otel.cli", *map(str, arguments)],
            env=self.environment(**environment), capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    site.fill()
    return site


@pytest.fixture
def s3(tmp_path):
    server = s3_server.S3(tmp_path)
    yield server
    server.end()


@pytest.fixture
def s3_site(site, s3, monkeypatch):
    """A site whose copies go to the server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.SECRET)
    site.overrides = {"backup_target": "s3://bucket/some/prefix", "backup_endpoint": s3.endpoint}
    return site


def state_of(directory: Path):
    """Every file below ``directory`` with its content; to compare before and after."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


sys.modules["backup_site"] = sys.modules.get("backup_site") or type(sys)("backup_site")
sys.modules["backup_site"].state_of = state_of
sys.modules["backup_site"].Site = Site
