from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

if "store_kit" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "store_kit", Path(__file__).parents[2] / "exporters" / "store_kit.py"
    )
    sys.modules["store_kit"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["store_kit"])


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
def make_writer(path):
    made = []

    def make(at=path, **settings):
        made.append(sys.modules["store_kit"].PatientWriter(at, **{"interval_ms": 10} | settings))
        return made[-1]

    yield make
    for writer in made:
        writer.shutdown(1000)


@pytest.fixture
def writer(make_writer):
    return make_writer()
