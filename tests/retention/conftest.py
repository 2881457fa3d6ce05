from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

if "store_kit" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "store_kit", Path(__file__).parents[1] / "exporters" / "store_kit.py"
    )
    sys.modules["store_kit"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["store_kit"])

from store_kit import DAY, MONDAY, record

from cortex_otel.settings import Settings
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing


@pytest.fixture(autouse=True)
def no_process_outlives_its_test():
    yield
    sys.modules["store_kit"].end_all()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def path(home):
    return home / "cortex.db"


@pytest.fixture
def settings(home):
    """Settings of ``home``: any size, and for ever, but for what is asked for."""

    def make(at=home, **changes):
        known = {"retention_event_days": 0, "retention_rollup_days": 0, "max_database_mb": 0}
        return Settings(home=at, **(known | changes))

    return make


@pytest.fixture
def fill(path):
    """Writes records, 512 a transaction: so many a day, of a session and a user a day."""

    def write(days=20, a_day=100, at=path, begin=MONDAY, **changes):
        made = []
        for day in range(days):
            session = record().session._replace(session_id=f"session {day}")
            made += [
                record(
                    day * a_day + number,
                    time_unix_nano=begin + day * DAY + number * (DAY // a_day),
                    session=session,
                    user_id_hash=f"{day:064x}",
                    **changes,
                )
                for number in range(a_day)
            ]
        with closing(BatchWriter(open_for_writing(at))) as writer:
            for start in range(0, len(made), 512):
                batch = made[start : start + 512]
                writer.write(batch, [], Counter({("event", "received", ""): len(batch)}))

    return write
