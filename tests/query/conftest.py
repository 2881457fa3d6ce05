from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _helper(name):
    # Test files are modules of no package, so they can't import each other by name.
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


seeding = _helper("seeding")
_helper("counting")
_helper("inference")

from cortex_otel_exporters.sqlite.reader import open_reader  # noqa: E402


@pytest.fixture(scope="session")
def events():
    return seeding.random_events(20_000, days=50, users=120)


@pytest.fixture(scope="session")
def database(events, tmp_path_factory):
    return seeding.build(tmp_path_factory.mktemp("store") / "cortex.db", events)


@pytest.fixture(scope="session")
def varied():
    """Events of every type of both services, of users who use one or both."""
    return seeding.varied_events(12_000, days=40, users=70)


@pytest.fixture(scope="session")
def varied_database(varied, tmp_path_factory):
    return seeding.build(tmp_path_factory.mktemp("varied") / "cortex.db", varied)


@pytest.fixture
def varied_store(varied_database):
    connection = open_reader(varied_database)
    yield connection
    connection.close()


@pytest.fixture
def connection(database):
    connection = open_reader(database)
    yield connection
    connection.close()


@pytest.fixture
def store_of(tmp_path):
    """A connection to a store of given events."""
    opened = []

    def make(events, ledger=()):
        path = seeding.build(tmp_path / f"{len(opened)}.db", events, ledger)
        opened.append(open_reader(path))
        return opened[-1]

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture
def from_rollups(monkeypatch):
    """No range is short enough for the events themselves."""
    monkeypatch.setattr("cortex_otel.query.runner.EXACT_EVENTS", -1)


@pytest.fixture(params=[True, False], ids=["events", "rollups"])
def exact(request):
    """Both ways to answer."""
    if not request.param:
        request.getfixturevalue("from_rollups")
    return request.param
