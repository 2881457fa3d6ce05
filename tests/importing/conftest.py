from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("orjson")

for _name, _folder in (("store_kit", Path(__file__).parents[1] / "exporters"),
                       ("canaries", Path(__file__).parents[1] / "privacy"),
                       ("import_kit", Path(__file__).parent)):  # fmt: skip
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, _folder / f"{_name}.py")
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(("CORTEX_OTEL_", "OTEL_", "LC_")) or name in {"LANG", "NO_COLOR", "TZ"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("CORTEX_OTEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def logs(tmp_path):
    """A directory for logs."""
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def run(capsys):
    """Run a command of the command line in this process; what it reported, as JSON."""
    return sys.modules["import_kit"].Runner(capsys)
