"""Databases with the made-up population, their rows, and their panels."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pydantic", reason="needs the extra serve")
pytest.importorskip("starlette", reason="needs the extra serve")

from cortex_otel.demo.synthetic_data import fill
from cortex_otel_exporters.presence import Presences

# Test files are modules of no package, so they can't import each other by name.
_spec = importlib.util.spec_from_file_location("truth", Path(__file__).parent / "truth.py")
truth = sys.modules["truth"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(truth)


def filled(database, **how):
    """With weights, but no marks of what was sampled out: the rows here are all there is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Presences, "add", lambda *_: None)
        fill(database, seed=2, sampling=truth.SAMPLING, **how)
    return database


@pytest.fixture(scope="session")
def population(tmp_path_factory):
    """A database of 40 days of 150 users that ends at a fixed moment."""
    database = tmp_path_factory.mktemp("numbers") / "cortex.db"
    return filled(database, days=40, users=150, now_ns=truth.NOW_NS)


@pytest.fixture(scope="session")
def population_of_now(tmp_path_factory):
    """The same up to this very minute, for panels with a range of their own."""
    database = tmp_path_factory.mktemp("numbers-now") / "cortex.db"
    return filled(database, days=12, users=100, now_ns=time.time_ns())


@pytest.fixture(scope="session")
def rows(population):
    return truth.read(population)


@pytest.fixture(scope="session")
def rows_of_now(population_of_now):
    return truth.read(population_of_now)


@pytest.fixture(scope="session")
def ask(population):
    return truth.asker(population)


@pytest.fixture(scope="session")
def ask_now(population_of_now):
    return truth.asker(population_of_now)
