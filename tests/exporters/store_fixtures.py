"""Fixtures of the tests that write into a store of their own."""

from __future__ import annotations

import pytest
import store_kit


@pytest.fixture(autouse=True)
def no_process_outlives_its_test():
    yield
    store_kit.end_all()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def path(home):
    return home / "cortex.db"


@pytest.fixture
def make_writer(path):
    made = []

    def make(at=path, **settings):
        made.append(store_kit.PatientWriter(at, **{"interval_ms": 10} | settings))
        return made[-1]

    yield make
    for writer in made:
        writer.shutdown(1000)


@pytest.fixture
def writer(make_writer):
    return make_writer()
