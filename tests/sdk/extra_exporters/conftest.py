from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest
from patience import PATIENCE

TESTS = Path(__file__).parents[2]


def _load(name, path):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


store_kit = _load("store_kit", TESTS / "exporters" / "store_kit.py")
wire = _load("wire", Path(__file__).with_name("wire.py"))

HOST = """
import cortex_otel
from opentelemetry import _logs, metrics, trace

def emit(number=1, **attributes):
    for _ in range(number):
        trace.get_tracer("host").start_span("work", attributes=attributes).end()

def ready():
    print("ready", flush=True)
"""


@pytest.fixture(autouse=True)
def no_process_outlives_its_test():
    yield
    store_kit.end_all()


@pytest.fixture
def server():
    """Makes servers in a Collector's place."""
    made = []

    def make(*arguments, **headers):
        made.append(wire.Server(*arguments, **headers))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "cortex.db"


@pytest.fixture
def start(path):
    """Starts a host's program; its directory is that of ``path``."""

    def begin(code, **environment):
        environment = {"CORTEX_OTEL_HOME": str(path.parent), **environment}
        return store_kit.start(HOST + code, path, env=environment)

    return begin


@pytest.fixture
def run(start):
    """Runs a host's program to its end; returns its stderr."""

    def to_the_end(code, **environment):
        process = start(code, **environment)
        errors = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0, errors
        return errors

    return to_the_end


@pytest.fixture
def noted(path):
    """What the ledger says of what was sent on, by signal.

    What came too late for it, on a busy machine, is where the next process finds it.
    """

    def look(signal="event"):
        counts = Counter(store_kit.ledger(path, signal))
        for state in store_kit.heartbeats(path.parent):
            for entry, number in state["unrecorded"].items():
                of, _, rest = entry.partition("|")
                counts[rest] += number if of == signal else 0
        return {key: counts[key] for key in counts if key.startswith("sen") and counts[key]}

    return look
