from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("orjson")

for _name, _folder in (("receiver_kit", Path(__file__).parent),
                       ("store_kit", Path(__file__).parents[1] / "exporters"),
                       ("canaries", Path(__file__).parents[1] / "privacy")):  # fmt: skip
    if _name not in sys.modules:
        _spec = importlib.util.spec_from_file_location(_name, _folder / f"{_name}.py")
        sys.modules[_name] = importlib.util.module_from_spec(_spec)
        _spec.loader.exec_module(sys.modules[_name])


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests of a file that don't look at what is stored in all."""
    import os

    for name in list(os.environ):
        if name.startswith(("CORTEX_OTEL_", "OTEL_")):
            os.environ.pop(name)
    server = sys.modules["receiver_kit"].Server(tmp_path_factory.mktemp("receiver") / "home")
    yield server
    server.stop()


@pytest.fixture
def make_server(tmp_path):
    made = []

    def make(home=None, **environment):
        home = home or tmp_path / f"home-{len(made)}"
        made.append(sys.modules["receiver_kit"].Server(home, **environment))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def server(make_server):
    return make_server()
