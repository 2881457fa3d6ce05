from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

for _name, _path in {
    "store_kit": Path(__file__).parents[1] / "exporters" / "store_kit.py",
    "receiver_kit": Path(__file__).parents[1] / "receive" / "receiver_kit.py",
    "log_kit": Path(__file__).with_name("log_kit.py"),
}.items():
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, _path)
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])


@pytest.fixture(autouse=True)
def no_process_outlives_its_test():
    yield
    sys.modules["store_kit"].end_all()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def logs(home):
    return home / "logs"


@pytest.fixture
def make_writer(home, logs):
    """Makes writers with a log file."""
    from cortex_otel_exporters.jsonl.log_file import LogFile
    from cortex_otel_exporters.jsonl.policy import LogPolicy

    made = []

    def make(**policy):
        log_file = LogFile(LogPolicy(**{"directory": logs} | policy))
        writer = sys.modules["store_kit"].PatientWriter(
            home / "cortex.db", interval_ms=10, log_file=log_file
        )
        made.append(writer)
        return writer

    yield make
    for writer in made:
        writer.shutdown(1000)


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand; local time follows it."""
    import time

    class Clock:
        now = 1_795_824_000.0  # 2026-11-28T00:00:00Z

    monkeypatch.setattr(time, "time", lambda: Clock.now)
    return Clock
