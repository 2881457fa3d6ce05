from __future__ import annotations

from collections import Counter
from contextlib import closing

import pytest
from kits import load

from cortex_otel.settings import Settings
from cortex_otel_exporters.sqlite.batch import BatchWriter
from cortex_otel_exporters.sqlite.files import open_for_writing

store_kit = load("exporters/store_kit.py")
fixtures = load("exporters/store_fixtures.py")

DAY, MONDAY, record = store_kit.DAY, store_kit.MONDAY, store_kit.record
home, path = fixtures.home, fixtures.path
no_process_outlives_its_test = fixtures.no_process_outlives_its_test


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
