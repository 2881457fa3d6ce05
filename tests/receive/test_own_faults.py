"""Faults of the receiver itself outlive it."""

from __future__ import annotations

import pytest
from store_kit import ledger

from cortex_otel import guard
from cortex_otel.receive.commit import Committer
from cortex_otel.settings import Settings


@pytest.fixture
def as_in_a_host():
    guard.rethrow_in_tests(enabled=False)
    yield
    guard.report_to(None)


@pytest.mark.usefixtures("as_in_a_host")
def test_a_fault_that_no_request_comes_after_is_in_the_ledger(tmp_path):
    settings = Settings(home=tmp_path / "home")
    committer = Committer(settings)
    committer.start()
    guard.swallowed("receive.record", ValueError("x"), lost=1)
    committer.close(10)
    assert ledger(settings.database, "fault") == {"swallowed|receive.record": 1}
    assert ledger(settings.database) == {"received": 1, "dropped|fault": 1}
