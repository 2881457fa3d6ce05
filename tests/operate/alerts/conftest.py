from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for _name, _path in (
    ("store_kit", HERE.parents[1] / "exporters" / "store_kit.py"),
    ("alert_kit", HERE / "alert_kit.py"),
    ("simulated_evaluator", HERE / "simulated_evaluator.py"),
):
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, _path)
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def catch():
    """Start a receiver that answers as it is told."""
    started = []

    def start(*answers):
        started.append(sys.modules["alert_kit"].Catcher(*answers))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def database(home):
    """An empty store."""
    from cortex_otel_exporters.sqlite.files import open_for_writing

    open_for_writing(home / "cortex.db").close()
    return home / "cortex.db"
