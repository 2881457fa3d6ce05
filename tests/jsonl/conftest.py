from __future__ import annotations

import pytest
from kits import load

store_kit = load("exporters/store_kit.py")
load("receive/receiver_kit.py")
load("jsonl/log_kit.py")
fixtures = load("exporters/store_fixtures.py")

home = fixtures.home
no_process_outlives_its_test = fixtures.no_process_outlives_its_test


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
        writer = store_kit.PatientWriter(home / "cortex.db", interval_ms=10, log_file=log_file)
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
